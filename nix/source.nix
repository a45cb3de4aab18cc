# What the compiler, the linters and the tests read, and nothing else: a change of a page or of a recipe rebuilds nothing.
{ lib }:
let
  crates = map (member: ../. + "/${member}") (lib.importTOML ../Cargo.toml).workspace.members;
in
lib.fileset.toSource {
  root = ../.;
  fileset = lib.fileset.unions (
    [
      ../Cargo.toml
      ../Cargo.lock
      ../clippy.toml
      ../rustfmt.toml
      ../deny.toml
      # The protocol's page and schemas, which tests compare with the code.
      ../docs/PROTOCOL.md
      (lib.fileset.fileFilter (file: file.hasExt "json" || file.hasExt "yaml") ../docs)
      # The web client, which `web_client` puts into the programs; without its tests.
      (lib.fileset.difference ../web ../web/test)
    ]
    ++ crates
  );
}
