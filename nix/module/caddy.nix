# A virtual host of Caddy in front of both servers.
{ config, lib, ... }:
let
  cfg = config.services.messenger;
  address = import ./address.nix { inherit lib; };
  isPlain = lib.hasPrefix "http://" cfg.caddy.hostName;
in
{
  # With nginx as well, refused.nix says so.
  config = lib.mkIf (cfg.enable && cfg.caddy.enable && !cfg.nginx.enable) {
    services.messenger.settings = {
      PUBLIC_URL = lib.mkDefault "${lib.optionalString (!isPlain) "https://"}${cfg.caddy.hostName}";
      # Whatever else is trusted: Caddy is on this machine.
      TRUSTED_PROXY = [
        "127.0.0.1"
        "::1"
      ];
    };

    services.caddy = {
      enable = true;
      virtualHosts.${cfg.caddy.hostName}.extraConfig = ''
        @chat path /ws /schema.json /asyncapi.json
        reverse_proxy @chat ${address.near cfg.chat}
        reverse_proxy ${address.near cfg.auth}
      '';
    };
  };
}
