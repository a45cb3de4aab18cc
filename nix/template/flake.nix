{
  description = "A NixOS machine that runs Messenger behind nginx";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # Where your checkout of Messenger is.
    messenger.url = "git+file:///etc/nixos/messenger";
  };

  outputs =
    { nixpkgs, messenger, ... }:
    {
      nixosConfigurations.home = nixpkgs.lib.nixosSystem {
        modules = [
          ./configuration.nix
          messenger.nixosModules.messenger
        ];
      };
    };
}
