# What can be set. What the programs have flags for is in `settings`; here is what NixOS itself has to know.
{ config, lib, ... }:
let
  inherit (lib) literalExpression mkEnableOption mkOption;
  inherit (lib) types;
  settings = import ./settings.nix { inherit lib; };

  package =
    name: used:
    mkOption {
      type = types.package;
      defaultText = literalExpression "messenger.packages.\${system}.${name}";
      example = literalExpression "pkgs.messengerPackages.${name}";
      description = "The package with the program `${name}`, used ${used}.";
    };

  listenAddress = mkOption {
    type = types.str;
    default = "127.0.0.1";
    example = "::";
    description = ''
      IP address to listen on, IPv6 addresses without brackets. `0.0.0.0` is every IPv4 address of the machine, `::` every
      address of both kinds. The servers speak no TLS: connections from outside belong behind a reverse proxy, see
      {option}`services.messenger.nginx.enable` and {option}`services.messenger.caddy.enable`.
    '';
  };

  port =
    default: what:
    mkOption {
      type = types.ints.between 1 65535;
      inherit default;
      example = default + 1;
      description = "Port of ${what}.";
    };

  metricsListen =
    which:
    mkOption {
      type = types.nullOr (types.strMatching "([0-9.]+|\\[[0-9a-fA-F:.]+]):[0-9]+");
      default = null;
      example = "127.0.0.1:9180";
      description = ''
        Address and port of Prometheus `/metrics`, `/healthz`, `/readyz` and `/livez` of ${which}; off unless set.
        {option}`services.messenger.openFirewall` never opens it.
      '';
    };

  hostName = mkOption {
    type = types.str;
    default = config.networking.fqdnOrHostName;
    defaultText = literalExpression "config.networking.fqdnOrHostName";
    example = "chat.example.com";
    description = "Name of the virtual host, which can have more settings of its own there.";
  };
in
{
  options.services.messenger = {
    enable = mkEnableOption "Messenger, a chat whose messages are never lost";

    package = package "messenger" "when no database is set: both servers in one process, on SQLite";

    manual = mkOption {
      type = types.package;
      internal = true;
      description = "The package with the pages that the units name as their documentation.";
    };

    chat = {
      package = package "chat" "when a PostgreSQL database is set";
      inherit listenAddress;
      port = port 8080 "the chat server (WebSocket)";
      metricsListen = metricsListen "the chat server, or of both servers when they are one process";
    };

    auth = {
      package = package "auth" "when a PostgreSQL database is set";
      inherit listenAddress;
      port = port 3000 "the server for accounts (HTTP)";
      metricsListen = metricsListen "the server for accounts, when it is a process of its own";
    };

    settings = mkOption {
      inherit (settings) type;
      default = { };
      example = {
        CHAT_MESSAGE_RATE = 5;
        LOG_FILTER = "info,chat=debug";
        TRUSTED_PROXY = [ "10.0.0.0/8" ];
      };
      description = ''
        Settings of the programs, by their environment variables. What is not set has the programs' own default. Every user
        of the machine can read them: secrets belong into {option}`services.messenger.credentials` or
        {option}`services.messenger.environmentFile`, and are refused here.
      '';
    };

    credentials = mkOption {
      type = types.attrsOf types.externalPath;
      default = { };
      example = {
        DATABASE_URL = "/run/secrets/messenger-database-url";
      };
      description = ''
        Files outside the Nix store that hold secret settings, by the setting's name:
        ${
          lib.concatMapStringsSep ", " (name: "`${name}`") settings.secrets
        }. Only root needs to be able to read them:
        systemd hands them to the servers as credentials. `DATABASE_URL` is the URL of a PostgreSQL database elsewhere.
      '';
    };

    environmentFile = mkOption {
      type = types.nullOr types.externalPath;
      default = null;
      example = "/run/secrets/messenger.env";
      description = ''
        A file outside the Nix store with lines `NAME=value`, read by systemd as root before the servers start. It sets what
        {option}`services.messenger.settings` does not.
      '';
    };

    database = {
      createLocally = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether to run PostgreSQL on this machine, with a database and a role `messenger`. The servers reach it through
          its socket and are known by their user: there is no password.

          Without this, {option}`services.messenger.database.url` and
          {option}`services.messenger.credentials`.`DATABASE_URL`, everything is kept in one SQLite file,
          {file}`/var/lib/messenger/messenger.db`.
        '';
      };

      url = mkOption {
        type = types.nullOr (types.strMatching "postgres(ql)?://.*");
        default = null;
        example = "postgres://messenger@db.example.com/messenger?sslmode=verify-full";
        description = ''
          A PostgreSQL database elsewhere. Every user of the machine can read the URL: one with a password belongs into
          {option}`services.messenger.credentials`.`DATABASE_URL`, and is refused here.
        '';
      };
    };

    nats = {
      createLocally = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether to run a NATS server on this machine, which only this machine can reach, and to connect the chat server to
          it. It makes several chat servers on one database faster; a single one does not need it.
        '';
      };

      url = mkOption {
        type = types.nullOr (types.strMatching "(nats|tls)://.*");
        default = null;
        example = "nats://nats1.example.com:4222,nats://nats2.example.com:4222";
        description = ''
          The NATS servers that connect this chat server with others on the same PostgreSQL database. Every user of the
          machine can read the URL: one with a password or a token belongs into
          {option}`services.messenger.credentials`.`NATS_URL`, and is refused here.
        '';
      };
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether to open ports in the firewall: 80 and 443 with nginx or Caddy, else those of the servers that listen beyond
        this machine.
      '';
    };

    nginx = {
      enable = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether to serve both through nginx, under one name: the chat server at `/ws`, `/schema.json` and
          `/asyncapi.json`, the server for accounts at everything else. Most will want `enableACME` and `forceSSL` in
          {option}`services.nginx.virtualHosts.<name>`.
        '';
      };
      inherit hostName;
    };

    caddy = {
      enable = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether to serve both through Caddy, under one name, as {option}`services.messenger.nginx.enable` does. Caddy gets
          a certificate for the name by itself.
        '';
      };
      inherit hostName;
    };
  };
}
