# Nothing in the recipes is unused.
{ pkgs }:
let
  inherit (pkgs) lib;
  recipes = lib.fileset.toSource {
    root = ../..;
    fileset = lib.fileset.fileFilter (file: file.hasExt "nix") ../..;
  };
in
pkgs.runCommand "messenger-nix" { nativeBuildInputs = [ pkgs.deadnix ]; } ''
  deadnix --fail ${recipes}
  touch $out
''
