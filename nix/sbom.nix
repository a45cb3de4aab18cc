# A bill of materials in CycloneDX: every crate in the programs, with its licence and the checksum of its source.
{
  lib,
  craneLib,
  jq,
  writeText,
  about,
  src,
}:
let
  programs = [
    "chat"
    "auth"
    "messenger"
  ];
  # `name-version` to the checksum that cargo checked the source against; workspace members have none.
  checksums = lib.listToAttrs (
    map (package: lib.nameValuePair "${package.name}-${package.version}" package.checksum) (
      lib.filter (package: package ? checksum) (lib.importTOML ../Cargo.lock).package
    )
  );
in
craneLib.mkCargoDerivation {
  inherit src;
  inherit (about) version;
  pname = "messenger-sbom";
  cargoArtifacts = null;
  doInstallCargoArtifacts = false;
  nativeBuildInputs = [ jq ];
  # Without crates that only tests use. `{p}` is `name vVERSION (…)`.
  buildPhaseCargoCommand = ''
    cargo tree --locked --edges normal,build --prefix none --no-dedupe --format '{p}|{l}' \
      ${lib.concatMapStringsSep " " (name: "--package ${name}") programs} \
      | sed -E 's/^([^ ]+) v([^ |]+)[^|]*\|/\1|\2|/' | LC_ALL=C sort -u > crates
  '';
  installPhaseCommand = ''
    jq --raw-input --slurp --slurpfile checksums ${writeText "checksums" (builtins.toJSON checksums)} \
      --arg version ${about.version} '{
        bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
        metadata: {component: {type: "application", name: "messenger", version: $version}},
        components: [split("\n")[] | select(. != "") | split("|") as [$name, $version, $licence]
          | ($checksums[0]["\($name)-\($version)"]) as $sum
          | {type: "library", name: $name, version: $version}
          # Our own crates are in no registry, where others have the same names.
          + (if $sum then {purl: "pkg:cargo/\($name)@\($version)", hashes: [{alg: "SHA-256", content: $sum}]} else {} end)
          | . + {"bom-ref": (.purl // "messenger/\($name)@\($version)")}
          + (if ($licence // "") == "" then {} else {licenses: [{expression: ($licence | gsub(" */ *"; " OR "))}]} end)]
      }' crates > $out
  '';
  meta.description = "Bill of materials of the programs, in CycloneDX";
}
