# `services.messenger` for NixOS.
self:
{ lib, pkgs, ... }:
{
  key = "messenger#nixosModules.messenger";
  _class = "nixos";

  imports = [
    ./renamed.nix
    ./options.nix
    ./refused.nix
    ./service.nix
    ./nginx.nix
    ./caddy.nix
  ];

  services.messenger =
    let
      programs = self.packages.${pkgs.stdenv.hostPlatform.system};
    in
    {
      package = lib.mkDefault programs.messenger;
      chat.package = lib.mkDefault programs.chat;
      auth.package = lib.mkDefault programs.auth;
      manual = lib.mkDefault programs.manual;
    };
}
