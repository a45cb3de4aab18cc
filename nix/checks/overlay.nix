# The packages in the manner of nixpkgs: by the overlay, each open to change by itself.
{
  self,
  pkgs,
  programs,
}:
let
  inherit (pkgs) lib;
  extended = pkgs.extend self.overlays.default;
  inherit (extended.messengerPackages) chat;
  patched = chat.overrideAttrs { postPatch = "true"; };
  renamed = chat.override { description = "Another sentence"; };
  changedBelow = extended.messengerPackages.overrideScope (
    _: old: {
      about = old.about // {
        version = "0.1.0-mine";
      };
    }
  );

  facts = {
    "the overlay has the packages of the flake" =
      chat.drvPath == programs.chat.drvPath && extended.messenger.drvPath == programs.messenger.drvPath;
    "overrideAttrs changes one program" =
      patched.drvPath != chat.drvPath && extended.messengerPackages.auth.drvPath == programs.auth.drvPath;
    "override changes an argument" = renamed.meta.description == "Another sentence";
    "overrideScope changes what all are made of" = lib.hasSuffix "-mine" changedBelow.auth.version;
    "each program is named after itself" = lib.all (name: programs.${name}.meta.mainProgram == name) (
      lib.attrNames programs
    );
    "the tests of a program can be found from it" = programs.chat.passthru.tests ? stories;
  };
  untrue = lib.attrNames (lib.filterAttrs (_: holds: !holds) facts);
in
pkgs.runCommand "messenger-overlay"
  {
    untrue = lib.concatStringsSep "\n" untrue;
    passthru = { inherit facts; };
  }
  ''
    if [ -n "$untrue" ]; then
      printf 'not so: %s\n' "$untrue" >&2
      exit 1
    fi
    touch $out
  ''
