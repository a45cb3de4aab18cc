# Everything the flake has for one system.
{
  self,
  crane,
  # The commit that the sources are of.
  revision,
  pkgs,
}:
let
  inherit (pkgs) lib;
  inherit (pkgs.stdenv.hostPlatform) isLinux;

  packagesOf =
    pkgs:
    pkgs.callPackage ./packages.nix {
      craneLib = crane.mkLib pkgs;
      inherit revision;
    };
  scope = packagesOf pkgs;

  # `nix build .#chat.tests.stories`, as nixpkgs' packages have it.
  withTests =
    program:
    program.overrideAttrs (old: {
      passthru = (old.passthru or { }) // {
        tests = lib.optionalAttrs isLinux (
          {
            inherit (checks) stories;
          }
          // vmTests
          // lib.mapAttrs' (name: lib.nameValuePair "container-${name}") machineTests.container
        );
      };
    });
  programs = {
    inherit (scope) acceptance;
    chat = withTests scope.chat;
    auth = withTests scope.auth;
    messenger = withTests scope.messenger;
  };

  imagesOf = import ./image.nix {
    inherit pkgs;
    inherit (scope) about;
    # Of the commit, so that the same commit gives the same image, bit for bit.
    created = "@${toString (self.lastModified or 1)}";
    inherit revision;
  };
  images = imagesOf scope;
  static = packagesOf pkgs.pkgsStatic;
  staticImages = imagesOf static;

  app = name: {
    type = "app";
    program = lib.getExe programs.${name};
    meta = { inherit (programs.${name}.meta) description; };
  };

  machineTests = import ./tests { inherit self pkgs; };
  vmTests = lib.mapAttrs' (name: lib.nameValuePair "vm-${name}") machineTests.vm;

  # On Darwin packages, apps and the shell evaluate; nothing is checked there.
  checks = lib.optionalAttrs isLinux (
    import ./checks/cargo.nix {
      inherit pkgs;
      inherit (scope) craneLib about src;
    }
    // {
      inherit (scope) sbom;
      nix = import ./checks/nix.nix { inherit pkgs; };
      stories = import ./checks/stories.nix { inherit pkgs programs; };
      images = import ./checks/images.nix {
        inherit pkgs images;
        inherit (scope) about;
      };
      module = import ./checks/module.nix { inherit self pkgs; };
      overlay = import ./checks/overlay.nix { inherit self pkgs programs; };
    }
    // vmTests
  );
in
{
  packages = {
    inherit (programs)
      chat
      auth
      messenger
      acceptance
      ;
    inherit (scope) manual sbom;
    default = programs.messenger;
  }
  // lib.optionalAttrs isLinux {
    docs = import ./options-doc.nix { inherit self pkgs; };

    dockerImage = images.chat;
    authImage = images.auth;
    messengerImage = images.messenger;
    dockerImageStream = images.chat.stream;
    authImageStream = images.auth.stream;
    messengerImageStream = images.messenger.stream;

    # Without any library. Compiled with everything below them, since no cache has that.
    chatStatic = static.chat;
    authStatic = static.auth;
    messengerStatic = static.messenger;
    dockerImageStatic = staticImages.chat;
    authImageStatic = staticImages.auth;
    messengerImageStatic = staticImages.messenger;
  };

  apps = {
    chat = app "chat";
    auth = app "auth";
    messenger = app "messenger";
    default = app "messenger";
    acceptance = app "acceptance";
  };

  inherit checks;

  # Not among the checks: few builders can run them, and one that cannot would fail all of `nix flake check`.
  legacyPackages = lib.optionalAttrs isLinux { containerTests = machineTests.container; };

  devShells.default = import ./shell.nix { inherit pkgs; };

  formatter = pkgs.nixfmt-tree;
}
