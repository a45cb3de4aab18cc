# One program, built by itself: only the crates that it is made of.
#
# In the manner of `callPackage`: `messengerPackages.chat.override` changes these arguments, `overrideAttrs` what cargo does.
{
  lib,
  craneLib,
  about,
  src,
  name,
  description,
  revision ? "unknown",
}:
let
  common = {
    inherit src;
    inherit (about) version;
    pname = name;
    strictDeps = true;
    cargoExtraArgs = "--locked --package ${name}";
    # `checks.tests` runs them; who only installs need not.
    doCheck = false;
  };
in
craneLib.buildPackage (
  common
  // {
    cargoArtifacts = craneLib.buildDepsOnly (
      common // { buildPhaseCargoCommand = "cargoWithProfile build ${common.cargoExtraArgs}"; }
    );
    cargoBuildCommand = "cargoWithProfile build --bin ${name}";
    # What `--version` prints. Not among the dependencies, which a commit must not rebuild.
    env.MESSENGER_COMMIT = revision;
    meta = {
      inherit description;
      license = with lib.licenses; [
        mit
        asl20
      ];
      # Only evaluated on Darwin, never built there.
      platforms = lib.platforms.linux ++ lib.platforms.darwin;
      maintainers = [ ];
      mainProgram = name;
    }
    # Once Cargo.toml names them.
    // lib.optionalAttrs (about ? homepage) { inherit (about) homepage; }
    // lib.optionalAttrs (about ? repository) {
      changelog = "${about.repository}/blob/v${about.version}/CHANGELOG.md";
    };
  }
)
