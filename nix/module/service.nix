# The services: one process on SQLite, or two on PostgreSQL.
{ config, lib, ... }:
let
  cfg = config.services.messenger;
  inherit (cfg) auth chat database;

  # Two processes need a database between them.
  isSplit = database.createLocally || database.url != null || database.urlFile != null;
  # The role in PostgreSQL that `createLocally` makes has the same name: that is how peer authentication works.
  user = "messenger";

  socketAddress =
    { listenAddress, port, ... }:
    if lib.hasInfix ":" listenAddress then
      "[${listenAddress}]:${toString port}"
    else
      "${listenAddress}:${toString port}";
  isLoopback = address: lib.hasPrefix "127." address || address == "::1";
  list = values: if values == [ ] then null else lib.concatStringsSep "," values;
  toText = value: if lib.isBool value then lib.boolToString value else toString value;

  ofChat = {
    CHAT_LISTEN = socketAddress chat;
    CHAT_LOG_DAYS = chat.logDays;
    CHAT_LOG_EVENTS = chat.logEvents;
    CHAT_MESSAGE_RATE = chat.messageRate;
    METRICS_LISTEN = chat.metricsListen;
  };
  ofAuth = {
    AUTH_LISTEN = socketAddress auth;
    AUTH_SIGNUP_RATE = auth.signupRate;
    METRICS_LISTEN = auth.metricsListen;
  };
  ofBoth = {
    ACCOUNT_QUOTA = cfg.accountQuota;
    CHAT_CONTACT = cfg.contact;
    LOG_FORMAT = cfg.logFormat;
    TRUSTED_PROXY = list cfg.trustedProxies;
    PUBLIC_URL = cfg.publicUrl;
    ALLOW_HOST = list cfg.allowHosts;
    ALLOW_ORIGIN = list cfg.allowOrigins;
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
    escaped (lib.filterAttrs (_: value: value != null) (ofBoth // settings) // cfg.extraSettings)
    // lib.optionalAttrs (database.urlFile != null) { DATABASE_URL_FILE = "%d/database-url"; };

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
      wantedBy = [ "multi-user.target" ];
      # Wanted, not required: a database that restarts is waited for, and nobody is sent away.
      wants = [ "network-online.target" ] ++ afterDatabase;
      after = [ "network-online.target" ] ++ afterDatabase;
      environment = environment settings;
      serviceConfig =
        import ./hardening.nix
        // {
          Type = "exec";
          ExecStart = lib.getExe package;
          User = user;
          RuntimeDirectory = name;
          RuntimeDirectoryMode = "0700";
          Restart = "on-failure";
          RestartSec = 2;
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
        // lib.optionalAttrs (database.urlFile != null) {
          LoadCredential = "database-url:${database.urlFile}";
        };
    };
in
{
  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion =
          lib.count lib.id [
            database.createLocally
            (database.url != null)
            (database.urlFile != null)
          ] <= 1;
        message = "services.messenger.database: set one of createLocally, url and urlFile, or none for SQLite.";
      }
      {
        assertion = database.url == null || builtins.match "[a-z]+://[^/?]*:[^/?]*@.*" database.url == null;
        message = "services.messenger.database.url holds a password, which everybody on the machine could read: use urlFile.";
      }
      {
        assertion = chat.port != auth.port || chat.listenAddress != auth.listenAddress;
        message = "services.messenger: chat and auth cannot listen on the same address and port.";
      }
      {
        assertion = isSplit || auth.metricsListen == null;
        message = "services.messenger.auth.metricsListen: on SQLite both servers are one process; chat.metricsListen shows both.";
      }
    ];

    warnings =
      lib.optional
        (
          cfg.openFirewall
          && !cfg.nginx.enable
          && isLoopback chat.listenAddress
          && isLoopback auth.listenAddress
        )
        "services.messenger.openFirewall opens ports that nobody listens on: set chat.listenAddress and auth.listenAddress.";

    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall (
      if cfg.nginx.enable then
        [
          80
          443
        ]
      else
        [
          chat.port
          auth.port
        ]
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
