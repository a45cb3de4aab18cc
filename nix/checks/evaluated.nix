# NixOS with the module and these settings of `services.messenger`.
{ self, pkgs }:
settings:
(pkgs.nixos {
  imports = [ self.nixosModules.messenger ];
  services.messenger = {
    enable = true;
  }
  // settings;
  system.stateVersion = "26.05";
}).config
