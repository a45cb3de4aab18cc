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
      ];
      everySystem = nixpkgs.lib.genAttrs systems (
        system:
        import ./nix {
          inherit self crane;
          pkgs = nixpkgs.legacyPackages.${system};
        }
      );
      output = name: builtins.mapAttrs (_: outputs: outputs.${name}) everySystem;
    in
    {
      packages = output "packages";
      apps = output "apps";
      checks = output "checks";
      devShells = output "devShells";
      formatter = output "formatter";
      nixosModules.default = import ./nix/module self;
    };
}
