# What an image must be, read from the image itself.
{ pkgs, images }:
let
  inherit (pkgs) lib;
  megabytes = 40;
in
pkgs.runCommand "messenger-images" { nativeBuildInputs = [ pkgs.jq ]; } (
  ''
    complain() { echo "$image: $*" >&2; exit 1; }
    mkdir $out
  ''
  + lib.concatStrings (
    lib.mapAttrsToList (image: file: ''
      image=${image}
      mkdir $image && tar -xf ${file} -C $image
      config=$image/$(jq -r '.[0].Config' $image/manifest.json)
      jq -e '.[0].RepoTags == ["${image}:latest"]' $image/manifest.json > /dev/null || complain "its name"
      jq -e '.config.User == "65532:65532" and .config.StopSignal == "SIGTERM" and (.config.ExposedPorts | length) > 0
        and (.config.Labels | has("org.opencontainers.image.title") and has("org.opencontainers.image.revision")
          and has("org.opencontainers.image.licenses"))' "$config" > /dev/null || complain "its configuration"

      jq -r '.[0].Layers[]' $image/manifest.json | while read -r layer; do
        tar --numeric-owner -tPvf "$image/$layer"
      done > $image/list
      ! grep -E '/(sh|bash|dash|busybox|ash)( |$)' $image/list || complain "has a shell"
      grep -q 'etc/ssl/certs/ca-bundle.crt' $image/list || complain "has no certificates"
      if jq -e '.config.Volumes | has("/data")' "$config" > /dev/null 2>&1; then
        grep -q 'drwx------ 65532/65532 .* \./data/' $image/list || complain "/data is not its user's"
      fi
      bytes=$(awk '{ sum += $3 } END { print sum }' $image/list)
      [ "$bytes" -lt ${toString (megabytes * 1000 * 1000)} ] || complain "$bytes bytes unpacked"
      echo "$bytes bytes unpacked" | tee $out/$image
    '') images
  )
)
