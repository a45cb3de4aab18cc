# What the module refuses, and a part of the sentence that it says then.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  evaluated = import ./evaluated.nix { inherit self pkgs; };

  said =
    settings:
    lib.concatMapStringsSep "\n" (it: it.message) (
      lib.filter (it: !it.assertion) (evaluated settings).assertions
    );
  withPassword = url: [
    { database = { inherit url; }; }
    "database.url holds a password"
  ];
  secretSetting = name: value: instead: [
    { settings.${name} = value; }
    "settings.${name} ${instead}"
  ];

  refused = {
    "two databases" = [
      {
        database = {
          createLocally = true;
          url = "postgres://db/x";
        };
      }
      "set one of"
    ];
    "a password in the URL" = withPassword "postgres://me:secret@db/x";
    "a password with a slash" = withPassword "postgres://me:se/cret@db/x";
    "a password with an @" = withPassword "postgres://me:se@cret@db/x";
    "a password in the query" = withPassword "postgres://me@db/x?sslmode=require&password=secret";
    "a password in the query, in capitals" = withPassword "postgres://me@db/x?PassWord=secret";
    "a password in the query, encoded" = withPassword "postgres://me@db/x?%70assword=secret";
    "a key's password in the query" = withPassword "postgres://me@db/x?sslpassword=secret";
    "two buses" = [
      {
        database.createLocally = true;
        nats = {
          createLocally = true;
          url = "nats://bus";
        };
      }
      "set one of nats.createLocally"
    ];
    "a password in the bus's URL" = [
      {
        database.createLocally = true;
        nats.url = "nats://a,tls://me:secret@bus";
      }
      "nats.url holds a password or a token"
    ];
    "a token in the bus's URL" = [
      {
        database.createLocally = true;
        nats.url = "nats://t0ken@bus";
      }
      "credentials.NATS_URL"
    ];
    "a bus on SQLite" = [
      { nats.createLocally = true; }
      "SQLite is for one"
    ];
    "the bus in settings" =
      secretSetting "NATS_URL" "nats://bus"
        "is made by the module: set services.messenger.nats";
    "the database in settings" =
      secretSetting "DATABASE_URL" "postgres://me:secret@db/x"
        "is made by the module: set services.messenger.database";
    "the database's file in settings" =
      secretSetting "DATABASE_URL_FILE" "/nowhere"
        "is made by the module: set services.messenger.credentials.DATABASE_URL";
    "a URL with a user in settings" =
      secretSetting "PUBLIC_URL" "https://me:secret@chat.example.com"
        "holds a secret";
    "a URL with a token in settings" =
      secretSetting "LOG_FILTER" "nats://token@host"
        "holds a secret, which every user of the machine could read: put it into services.messenger.environmentFile";
    "a mail server's password in settings" =
      secretSetting "SMTP_URL" "smtps://me:secret@mail.example.com?from=me@example.com"
        "holds a secret, which every user of the machine could read: put it into a file and name it in services.messenger.credentials.SMTP_URL";
    "a replica's password in settings" =
      secretSetting "DATABASE_REPLICA" "postgres://me@db/x?password=secret"
        "holds a secret, which every user of the machine could read: put it into a file and name it in services.messenger.credentials.DATABASE_REPLICA";
    "where the servers listen in settings" =
      secretSetting "CHAT_LISTEN" "0.0.0.0:80"
        "is made by the module: set services.messenger.chat.listenAddress";
    "the metrics' address in settings" =
      secretSetting "METRICS_LISTEN" "0.0.0.0:9180"
        "is made by the module: set services.messenger.chat.metricsListen";
    "a misspelt setting" =
      secretSetting "LOG_FLITER" "warn"
        "is no setting of the programs. Is LOG_FILTER meant?";
    "an unknown setting" = secretSetting "NO_SUCH_SETTING_AT_ALL" 1 "is no setting of the programs.";
    "an unknown credential" = [
      { credentials.PUBLIC_URL = "/run/secrets/url"; }
      "credentials.PUBLIC_URL: the programs read no such setting from a file"
    ];
    "one port for two servers" = [
      { chat.port = 3000; }
      "chat.port and services.messenger.auth.port would listen on the same port 3000"
    ];
    "one port for two servers, one of them everywhere" = [
      {
        chat = {
          port = 3000;
          listenAddress = "0.0.0.0";
        };
        auth.listenAddress = "::1";
      }
      "the same port 3000"
    ];
    "a server's port for metrics" = [
      { chat.metricsListen = "127.0.0.1:3000"; }
      "auth.port and services.messenger.chat.metricsListen"
    ];
    "one port for both metrics" = [
      {
        database.createLocally = true;
        chat.metricsListen = "[::]:9180";
        auth.metricsListen = "127.0.0.1:9180";
      }
      "metricsListen would listen on the same port 9180"
    ];
    "nginx's port for a server" = [
      {
        chat.port = 80;
        nginx = {
          enable = true;
          hostName = "chat.example.com";
        };
      }
      "the web server (port 80)"
    ];
    "nginx and Caddy" = [
      {
        nginx.enable = true;
        caddy.enable = true;
      }
      "enable nginx or caddy"
    ];
    "brackets around an address" = [
      { chat.listenAddress = "[::1]"; }
      "write it without brackets"
    ];
    "a port in an address" = [
      { auth.listenAddress = "127.0.0.1:3000"; }
      "auth.listenAddress = \"127.0.0.1:3000\" is not an IP address"
    ];
    "a metrics address without a process" = [
      { auth.metricsListen = "127.0.0.1:9"; }
      "auth.metricsListen: on SQLite both servers are one process"
    ];
  };

  # These have no sentence of ours: the types say what is wrong.
  impossible = {
    "a secret in the store" = {
      credentials.DATABASE_URL = "${pkgs.hello or pkgs.coreutils}";
    };
    "an environment file in the store" = {
      environmentFile = "${pkgs.hello or pkgs.coreutils}";
    };
    "text for a number" = {
      settings.CHAT_MESSAGE_RATE = "fast";
    };
    "an unknown value" = {
      settings.LOG_FORMAT = "xml";
    };
    "port 0" = {
      chat.port = 0;
    };
  };
  passes =
    settings:
    let
      inherit ((evaluated settings).systemd) services;
    in
    (builtins.tryEval (
      builtins.deepSeq (lib.mapAttrs (_: unit: unit.environment // { inherit (unit) serviceConfig; }) (
        lib.filterAttrs (name: _: lib.hasPrefix "messenger" name) services
      )) true
    )).success;
in
lib.mapAttrs' (
  what: case:
  lib.nameValuePair "refused: ${what}" (lib.hasInfix (lib.last case) (said (lib.head case)))
) refused
// lib.mapAttrs' (
  what: settings: lib.nameValuePair "refused: ${what}" (!passes settings)
) impossible
