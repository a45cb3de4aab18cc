# Everything the flake has for one system.
{
  self,
  crane,
  pkgs,
}:
let
  inherit (pkgs) lib;
  about = (lib.importTOML ../Cargo.toml).workspace.package;
  inherit (about) version;
  workspace = import ./package.nix {
    inherit pkgs version;
    craneLib = crane.mkLib pkgs;
  };
  inherit (workspace) programs;
  images = import ./image.nix {
    inherit pkgs programs version;
    # Of the commit, so that the same commit gives the same image, bit for bit.
    created = "@${toString (self.lastModified or 1)}";
    revision = self.rev or self.dirtyRev or "unknown";
    source = about.repository or null;
  };
  app = name: {
    type = "app";
    program = lib.getExe programs.${name};
    meta = { inherit (programs.${name}.meta) description; };
  };
in
{
  packages = {
    inherit (programs)
      chat
      auth
      messenger
      acceptance
      ;
    default = programs.messenger;
    dockerImage = images.chat;
    authImage = images.auth;
    messengerImage = images.messenger;
    docs = import ./options-doc.nix { inherit self pkgs; };
  };

  apps = {
    chat = app "chat";
    auth = app "auth";
    messenger = app "messenger";
    default = app "messenger";
    acceptance = app "acceptance";
  };

  checks =
    workspace.checks
    // {
      programs = workspace.all;
      stories = import ./checks/stories.nix { inherit pkgs programs; };
      images = import ./checks/images.nix { inherit pkgs images; };
      module = import ./checks/module.nix { inherit self pkgs; };
      nix = import ./checks/nix.nix { inherit pkgs; };
    }
    // import ./tests { inherit self pkgs; };

  devShells.default = import ./shell.nix { inherit pkgs; };

  formatter = pkgs.nixfmt-tree;
}
