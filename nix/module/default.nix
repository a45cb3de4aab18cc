# `services.messenger` for NixOS.
self:
{ lib, pkgs, ... }:
{
  key = "messenger#nixosModules.default";

  imports = [
    (lib.mkRenamedOptionModule
      [ "services" "messenger" "chat" "allowOrigins" ]
      [ "services" "messenger" "allowOrigins" ]
    )
    ./options.nix
    ./service.nix
    ./nginx.nix
  ];

  services.messenger =
    let
      programs = self.packages.${pkgs.stdenv.hostPlatform.system};
    in
    {
      package = lib.mkDefault programs.messenger;
      chat.package = lib.mkDefault programs.chat;
      auth.package = lib.mkDefault programs.auth;
    };
}
