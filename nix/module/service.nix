# The services: one process on SQLite, or two on PostgreSQL.
{ config, lib, ... }:
let
  cfg = config.services.messenger;
  inherit (cfg)
    auth
    chat
    database
    nats
    ;
  address = import ./address.nix { inherit lib; };

  # Two processes need a database between them.
  isSplit = database.createLocally || database.url != null || cfg.credentials ? DATABASE_URL;
  hasProxy = cfg.nginx.enable || cfg.caddy.enable;
  # The role in PostgreSQL that `createLocally` makes has the same name: that is how peer authentication works.
  user = "messenger";

  toText =
    value:
    if lib.isBool value then
      lib.boolToString value
    else if lib.isList value then
      lib.concatStringsSep "," value
    else
      toString value;
  isSet = value: value != null && value != [ ];

  ofChat = {
    CHAT_LISTEN = address.toText chat;
    METRICS_LISTEN = chat.metricsListen;
    NATS_URL = if nats.createLocally then "nats://127.0.0.1:4222" else nats.url;
  };
  ofAuth = {
    AUTH_LISTEN = address.toText auth;
    METRICS_LISTEN = auth.metricsListen;
  };
  ofBoth = {
    DATABASE_URL =
      if database.createLocally then
        "postgres:///${user}?host=/run/postgresql&user=${user}"
      else
        database.url;
  };

  # systemd takes `%` in a value for a specifier, and URLs are full of them.
  escaped =
    settings: lib.mapAttrs (_: value: lib.replaceStrings [ "%" ] [ "%%" ] (toText value)) settings;
  environment =
    settings:
    escaped (lib.filterAttrs (_: isSet) (cfg.settings // ofBoth // settings))
    // lib.mapAttrs' (name: _: lib.nameValuePair "${name}_FILE" "%d/${name}") cfg.credentials;

  service =
    {
      name,
      description,
      package,
      settings,
      state ? null,
    }:
    let
      afterDatabase = lib.optional database.createLocally "postgresql.target";
    in
    {
      inherit description;
      documentation = [ "file:${cfg.manual}/share/doc/messenger/OPERATING.md" ];
      wantedBy = [ "multi-user.target" ];
      # Wanted, not required: a database that restarts is waited for, and nobody is sent away.
      wants = [
        "network-online.target"
        "time-sync.target"
      ]
      ++ afterDatabase;
      after = [
        "network-online.target"
        "time-sync.target"
      ]
      ++ afterDatabase;
      environment = environment settings;
      serviceConfig =
        import ./hardening.nix
        // {
          # The programs say when their ports serve and the database is open.
          Type = "notify";
          ExecStart = lib.getExe package;
          User = user;
          RuntimeDirectory = name;
          RuntimeDirectoryMode = "0700";
          Restart = "on-failure";
          RestartSec = 2;
          # A database that is away is waited for, and a large one may have to be migrated first.
          TimeoutStartSec = lib.mkDefault "1h";
          # The programs drain within ten seconds.
          TimeoutStopSec = 20;
          # A thread and at most four descriptors for every connection.
          LimitNOFILE = 65536;
          # As many threads as vm.max_map_count (65530) lets one process have: 30717 connections of the chat server, or
          # with the server for accounts, which has three a connection, half of what each would have alone.
          TasksMax = lib.mkDefault 32768;
          # 42 KB for each of those connections, kernel included, are 1.3 GB; the rest is for hashes, caches and bursts.
          MemoryMax = lib.mkDefault "2G";
        }
        // lib.optionalAttrs (state != null) {
          StateDirectory = state;
          StateDirectoryMode = "0700";
        }
        // lib.optionalAttrs (cfg.credentials != { }) {
          LoadCredential = lib.mapAttrsToList (name: path: "${name}:${path}") cfg.credentials;
        }
        // lib.optionalAttrs (cfg.environmentFile != null) {
          EnvironmentFile = cfg.environmentFile;
        };
    };
in
{
  config = lib.mkIf cfg.enable {
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall (
      if hasProxy then
        [
          80
          443
        ]
      else
        map (server: server.port) (
          lib.filter (server: !address.isLoopback server.listenAddress) [
            chat
            auth
          ]
        )
    );

    services.postgresql = lib.mkIf database.createLocally {
      enable = true;
      ensureDatabases = [ user ];
      ensureUsers = [
        {
          name = user;
          ensureDBOwnership = true;
        }
      ];
    };

    services.nats = lib.mkIf nats.createLocally {
      enable = true;
      settings.host = "127.0.0.1";
    };

    systemd.services =
      if isSplit then
        {
          messenger-chat = service {
            name = "messenger-chat";
            description = "Messenger: chat";
            inherit (chat) package;
            settings = ofChat;
          };
          messenger-auth = service {
            name = "messenger-auth";
            description = "Messenger: accounts";
            inherit (auth) package;
            settings = ofAuth;
            # Files, unless `settings.FILES_URL` names another place.
            state = "messenger-auth";
          };
        }
      else
        {
          messenger = service {
            name = "messenger";
            description = "Messenger: chat and accounts";
            inherit (cfg) package;
            settings = ofAuth // ofChat;
            state = "messenger";
          };
        };
  };
}
