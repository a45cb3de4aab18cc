# A virtual host in front of both servers.
{ config, lib, ... }:
let
  cfg = config.services.messenger;

  # Where a server that listens everywhere is reached.
  near =
    { listenAddress, port, ... }:
    let
      address =
        {
          "0.0.0.0" = "127.0.0.1";
          "::" = "[::1]";
        }
        .${listenAddress}
          or (if lib.hasInfix ":" listenAddress then "[${listenAddress}]" else listenAddress);
    in
    "http://${address}:${toString port}";

  to = server: {
    proxyPass = near server;
    recommendedProxySettings = true;
  };
in
{
  config = lib.mkIf (cfg.enable && cfg.nginx.enable) {
    services.nginx = {
      enable = true;
      virtualHosts.${cfg.nginx.hostName}.locations = {
        "/" = to cfg.auth;
        "= /schema.json" = to cfg.chat;
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
