# What an image must be, read from the image itself, and that images share the layers that they can.
{
  pkgs,
  images,
  about,
}:
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
      jq -e '.[0].RepoTags == ["${image}:latest", "${image}:${about.version}"]' $image/manifest.json > /dev/null || complain "its names"
      jq -e '.config.User == "65532:65532" and .config.StopSignal == "SIGTERM" and (.config.ExposedPorts | length) > 0
        and .config.Healthcheck.Test == ["CMD", "/bin/${image}", "--health"]
        and (.config.Labels | has("org.opencontainers.image.title") and has("org.opencontainers.image.revision")
          and has("org.opencontainers.image.licenses"))' "$config" > /dev/null || complain "its configuration"

      # Each layer with what it has of its own, for a look and for what follows.
      jq -r '.[0].Layers[]' $image/manifest.json | while read -r layer; do
        tar --numeric-owner -tPvf "$image/$layer" > entries
        cat entries >> $image/list
        echo "$(sha256sum < "$image/$layer" | head -c 12) $(awk '{ sum += $3 } END { print sum + 0 }' entries) $(
          sed -nE 's,.* (\./|/)?nix/store/[a-z0-9]{32}-([^/ ]+)/?$,\2,p' entries | tr '\n' ' ')"
      done > $out/$image.layers
      cat $out/$image.layers
      ! grep -E '/(sh|bash|dash|busybox|ash)( |$)' $image/list || complain "has a shell"
      grep -q 'etc/ssl/certs/ca-bundle.crt' $image/list || complain "has no certificates"
      if jq -e '.config.Volumes | has("/data")' "$config" > /dev/null 2>&1; then
        grep -q 'drwx------ 65532/65532 .* \./data/' $image/list || complain "/data is not its user's"
      fi
      bytes=$(awk '{ sum += $3 } END { print sum }' $image/list)
      [ "$bytes" -lt ${toString (megabytes * 1000 * 1000)} ] || complain "$bytes bytes unpacked"
      echo "$bytes bytes unpacked" | tee $out/$image
      cut -d ' ' -f 1 $out/$image.layers | sort > $image.digests
    '') images
  )
  + ''
    image="chat and auth"
    for name in messenger-libraries nss-cacert; do
      grep -h " $name" $out/chat.layers $out/auth.layers | cut -d ' ' -f 1 | sort | uniq -d | grep -q . ||
        complain "do not share the layer of $name"
    done
  ''
)
