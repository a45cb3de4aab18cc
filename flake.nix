{
  description = "Messenger: a self-hosted chat whose messages are never lost";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    crane.url = "github:ipetkov/crane";
  };

  # Only wiring; the recipes are in ./nix.
  outputs =
    {
      self,
      nixpkgs,
      crane,
    }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        # Evaluated, and built by nobody yet.
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      everySystem = nixpkgs.lib.genAttrs systems (
        system:
        import ./nix {
          inherit self crane revision;
          pkgs = nixpkgs.legacyPackages.${system};
        }
      );
      output = name: builtins.mapAttrs (_: outputs: outputs.${name}) everySystem;
      module = import ./nix/module self;
      revision = self.rev or self.dirtyRev or "unknown";
    in
    {
      packages = output "packages";
      apps = output "apps";
      checks = output "checks";
      legacyPackages = output "legacyPackages";
      devShells = output "devShells";
      formatter = output "formatter";

      overlays.default = import ./nix/overlay.nix { inherit crane revision; };
      nixosModules = {
        default = module;
        messenger = module;
      };
      templates.default = {
        path = ./nix/template;
        description = "A NixOS machine that runs Messenger behind nginx";
      };
    };
}
