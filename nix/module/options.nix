# What can be set. Names follow the programs' flags.
{ config, lib, ... }:
let
  inherit (lib) literalExpression mkEnableOption mkOption;
  inherit (lib) types;
  cfg = config.services.messenger;

  package =
    name: used:
    mkOption {
      type = types.package;
      defaultText = literalExpression "messenger.packages.\${system}.${name}";
      example = literalExpression "pkgs.${name}";
      description = "The program `${name}`, used ${used}.";
    };

  listenAddress = mkOption {
    type = types.str;
    default = "127.0.0.1";
    example = "::";
    description = ''
      Address to listen on. `0.0.0.0` is every IPv4 address of the machine, `::` every address of both kinds.
      The servers speak no TLS: what comes from outside belongs behind a reverse proxy, see
      `services.messenger.nginx.enable`.
    '';
  };

  port =
    default: what:
    mkOption {
      type = types.port;
      inherit default;
      example = default + 1;
      description = "Port of ${what}.";
    };

  metricsListen =
    which:
    mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "127.0.0.1:9180";
      description = ''
        Address and port of Prometheus `/metrics`, `/healthz`, `/readyz` and `/livez` of ${which}; off unless set.
        `services.messenger.openFirewall` never opens it.
      '';
    };
in
{
  options.services.messenger = {
    enable = mkEnableOption "Messenger, a chat whose messages are never lost";

    package = package "messenger" "when no database is set: both servers in one process, on SQLite";

    chat = {
      package = package "chat" "when a PostgreSQL database is set";
      inherit listenAddress;
      port = port 8080 "the chat server (WebSocket)";
      metricsListen = metricsListen "the chat server, or of both servers when they are one process";

      messageRate = mkOption {
        type = types.ints.unsigned;
        default = 50;
        example = 5;
        description = "Frames a second that one account may send over all its connections, saved up for ten seconds; 0: no limit.";
      };

      logDays = mkOption {
        type = types.ints.between 1 36500;
        default = 30;
        example = 90;
        description = "For how many days at least a log keeps an event after a device has acknowledged it.";
      };

      logEvents = mkOption {
        type = types.ints.positive;
        default = 100000;
        example = 1000000;
        description = "How many events a log keeps at the most, acknowledged or not.";
      };
    };

    auth = {
      package = package "auth" "when a PostgreSQL database is set";
      inherit listenAddress;
      port = port 3000 "the server for accounts (HTTP)";
      metricsListen = metricsListen "the server for accounts, when it is a process of its own";

      signupRate = mkOption {
        type = types.ints.unsigned;
        default = 10;
        example = 0;
        description = "Signups a minute from one address; 0: no limit.";
      };
    };

    accountQuota = mkOption {
      type = types.ints.unsigned;
      default = 2147483648;
      example = 0;
      description = "Bytes of text that one account may have sent and that are kept; 0: no limit.";
    };

    database = {
      createLocally = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether to run PostgreSQL on this machine, with a database and a role `messenger`. The servers reach it through
          its socket and are known by their user: there is no password.

          With no option of `services.messenger.database` set, everything is kept in one SQLite file,
          `/var/lib/messenger/messenger.db`.
        '';
      };

      url = mkOption {
        type = types.nullOr (types.strMatching "postgres(ql)?://.*");
        default = null;
        example = "postgres://messenger@db.example.com/messenger?sslmode=verify-full";
        description = ''
          A PostgreSQL database elsewhere. The URL can be read by everybody on this machine: one with a password goes
          into `services.messenger.database.urlFile`.
        '';
      };

      urlFile = mkOption {
        type = types.nullOr types.externalPath;
        default = null;
        example = "/run/secrets/messenger-database-url";
        description = ''
          A file that holds the URL of a PostgreSQL database, outside the Nix store. Only root needs to be able to read
          it: systemd hands it to the servers as a credential.
        '';
      };
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether to let others in: to nginx (ports 80 and 443) if `services.messenger.nginx.enable` is set, else to the
        two servers themselves.
      '';
    };

    nginx = {
      enable = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether to serve both through nginx, under one name: the chat server at `/ws` and `/schema.json`, the server
          for accounts at everything else.
        '';
      };

      hostName = mkOption {
        type = types.str;
        default = config.networking.fqdnOrHostName;
        defaultText = literalExpression "config.networking.fqdnOrHostName";
        example = "chat.example.com";
        description = ''
          Name of the virtual host. Its other settings are in `services.nginx.virtualHosts.<name>`: most will want
          `enableACME` and `forceSSL` there.
        '';
      };
    };

    publicUrl = mkOption {
      type = types.nullOr (types.strMatching "https?://[^/@?#]+/?");
      default =
        let
          host = config.services.nginx.virtualHosts.${cfg.nginx.hostName};
          scheme = if host.forceSSL || host.onlySSL || host.addSSL then "https" else "http";
        in
        if cfg.nginx.enable then "${scheme}://${cfg.nginx.hostName}" else null;
      defaultText = lib.literalMD "with `nginx.enable`: the address of `nginx.hostName`, `https` if that host has TLS";
      example = "https://chat.example.com";
      description = ''
        The address that people open. It tells the servers which web pages are their own, and by which name they are
        reached.
      '';
    };

    allowHosts = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "chat.local" ];
      description = ''
        More names under which the servers are reached, besides that of `services.messenger.publicUrl`, `localhost` and
        IP addresses. With neither, a server that listens beyond this machine takes any name.
      '';
    };

    allowOrigins = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "https://app.example.com" ];
      description = "Origins of other sites whose web pages may use both servers.";
    };

    trustedProxies = mkOption {
      type = types.listOf types.str;
      default = lib.optionals cfg.nginx.enable [
        "127.0.0.1"
        "::1"
      ];
      defaultText = literalExpression ''if nginx.enable then [ "127.0.0.1" "::1" ] else [ ]'';
      example = [ "10.0.0.0/8" ];
      description = ''
        Addresses or networks of reverse proxies whose `X-Forwarded-For` is believed. Limits per address need it: without
        it all clients behind a proxy are one.
      '';
    };

    contact = mkOption {
      type = types.enum [
        "request"
        "open"
      ];
      default = "request";
      example = "open";
      description = "How two accounts that do not know each other come together: by a message request, or freely.";
    };

    logFormat = mkOption {
      type = types.enum [
        "text"
        "json"
      ];
      default = "text";
      example = "json";
      description = "How the lines of the log look, one event each.";
    };

    extraSettings = mkOption {
      type = types.attrsOf (
        types.oneOf [
          types.str
          types.int
          types.bool
        ]
      );
      default = { };
      example = {
        LOG_FILTER = "info,chat=debug";
        CONNECTIONS_MAX = 5000;
      };
      description = ''
        More settings of the programs, by their environment variables; `chat --help` and `auth --help` list them. No
        secrets: everybody on this machine can read them.
      '';
    };
  };
}
