# A virtual host of nginx in front of both servers.
{ config, lib, ... }:
let
  cfg = config.services.messenger;
  address = import ./address.nix { inherit lib; };
  host = config.services.nginx.virtualHosts.${cfg.nginx.hostName};
  scheme = if host.forceSSL || host.onlySSL || host.addSSL then "https" else "http";

  to = server: {
    proxyPass = "http://${address.near server}";
    recommendedProxySettings = true;
  };
in
{
  config = lib.mkIf (cfg.enable && cfg.nginx.enable) {
    services.messenger.settings = {
      PUBLIC_URL = lib.mkDefault "${scheme}://${cfg.nginx.hostName}";
      # Whatever else is trusted: nginx is on this machine.
      TRUSTED_PROXY = [
        "127.0.0.1"
        "::1"
      ];
    };

    services.nginx = {
      enable = true;
      virtualHosts.${cfg.nginx.hostName}.locations = {
        "/" = to cfg.auth // {
          # The server itself bounds what is sent to it, and a file comes in one request.
          extraConfig = ''
            client_max_body_size 0;
            proxy_request_buffering off;
          '';
        };
        "= /schema.json" = to cfg.chat;
        "= /asyncapi.json" = to cfg.chat;
        "= /ws" = to cfg.chat // {
          proxyWebsockets = true;
          # People are silent for longer than nginx's minute.
          extraConfig = ''
            proxy_read_timeout 1d;
            proxy_send_timeout 1d;
          '';
        };
      };
    };
  };
}
