# The packages of Messenger, as a scope: `messengerPackages` of the overlay.
{
  lib,
  newScope,
  craneLib,
  # The commit that the sources are of.
  revision ? "unknown",
}:
lib.makeScope newScope (
  self:
  let
    program =
      name: description: more:
      self.callPackage ./program.nix ({ inherit name description; } // more);
  in
  {
    inherit craneLib revision;
    about = (lib.importTOML ../Cargo.toml).workspace.package;
    src = import ./source.nix { inherit lib; };

    chat = program "chat" "WebSocket chat server" { };
    auth = program "auth" "HTTP server for the accounts of a chat" { };
    messenger =
      program "messenger" "Chat server and accounts in one process, on one embedded database"
        { };
    acceptance = program "acceptance" "Runs the acceptance stories on a running Messenger" { };

    manual = self.callPackage ./manual.nix { };
    sbom = self.callPackage ./sbom.nix { };
  }
)
