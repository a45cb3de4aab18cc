# The module without a machine: what it makes of settings, what it refuses, and that every option has its words.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  evaluated = import ./evaluated.nix { inherit self pkgs; };

  # Units as text, without what differs from one nixpkgs to the next.
  text =
    config: name:
    let
      unit = config.systemd.services.${name};
      environment = removeAttrs unit.environment [
        "LOCALE_ARCHIVE"
        "PATH"
        "TZDIR"
      ];
      line =
        key: value: "${key}=${if lib.isBool value then lib.boolToString value else toString value}\n";
      lines = lib.concatMapAttrsStringSep "" (
        key: value:
        lib.concatMapStrings (line key) (
          if lib.isList value && value != [ ] then value else lib.toList value
        )
      );
      program = builtins.unsafeDiscardStringContext unit.serviceConfig.ExecStart;
      page = builtins.unsafeDiscardStringContext (lib.head unit.documentation);
    in
    ''
      [Unit]
      Description=${unit.description}
      Documentation=file:/usr/${lib.concatStringsSep "/" (lib.drop 4 (lib.splitString "/" page))}
      After=${toString unit.after}
      Wants=${toString unit.wants}

      [Service]
      ${
        lib.concatMapAttrsStringSep "" (
          key: value: "Environment=${builtins.toJSON "${key}=${toString value}"}\n"
        ) environment
      }${lines (unit.serviceConfig // { ExecStart = "/usr/bin/${baseNameOf program}"; })}
      [Install]
      WantedBy=${toString unit.wantedBy}
    '';

  onSqlite = evaluated { };
  onPostgres = evaluated {
    database.createLocally = true;
    chat = {
      listenAddress = "::";
      metricsListen = "127.0.0.1:9180";
    };
    auth.listenAddress = "0.0.0.0";
    openFirewall = true;
    settings = {
      PUBLIC_URL = "https://chat.example.com";
      ALLOW_HOST = [
        "chat.local"
        "chat"
      ];
      ALLOW_ORIGIN = [
        "https://a.example"
        "https://b.example"
      ];
      LOG_FORMAT = "json";
    };
  };
  elsewhere = evaluated {
    credentials.DATABASE_URL = "/run/secrets/database-url";
    environmentFile = "/run/secrets/messenger.env";
    nginx = {
      enable = true;
      hostName = "chat.example.com";
    };
    openFirewall = true;
    settings = {
      LOG_FILTER = "warn";
      CONNECTIONS_MAX = 5000;
      TRUSTED_PROXY = [ "10.0.0.0/8" ];
    };
  };
  withTls =
    (pkgs.nixos {
      imports = [ self.nixosModules.default ];
      services.messenger.enable = true;
      services.messenger.nginx = {
        enable = true;
        hostName = "chat.example.com";
      };
      services.nginx.virtualHosts."chat.example.com" = {
        forceSSL = true;
        sslCertificate = "/run/certificate";
        sslCertificateKey = "/run/key";
      };
      system.stateVersion = "26.05";
    }).config;
  withCaddy = evaluated {
    openFirewall = true;
    caddy = {
      enable = true;
      hostName = "chat.example.com";
    };
  };
  oneServerPublic = evaluated {
    openFirewall = true;
    chat.listenAddress = "0.0.0.0";
  };
  noSecrets = evaluated {
    database.url = "postgres://me@db.example/x";
    settings = {
      DATABASE_REPLICA = "postgres://me@replica.example/x?sslmode=verify-full";
      SMTP_URL = "smtp://mail.example.com:25?from=chat@example.com";
      PUBLIC_URL = "https://chat.example.com";
    };
  };
  oldNames = evaluated {
    allowOrigins = [ "https://a.example" ];
    chat.messageRate = 7;
    auth.signupRate = 0;
    logFormat = "json";
    trustedProxies = [ "10.0.0.0/8" ];
    extraSettings.LOG_FILTER = "warn";
    database.urlFile = "/run/secrets/database-url";
  };
  escaped = evaluated { database.url = "postgres://me@db.example/x%20y?sslmode=verify-full"; };
  withBus = evaluated {
    database.createLocally = true;
    nats.createLocally = true;
  };
  busElsewhere = evaluated {
    database.url = "postgres://db.example/messenger";
    nats.url = "nats://bus1.example,nats://bus2.example";
  };
  secretBus = evaluated {
    database.createLocally = true;
    credentials.NATS_URL = "/run/secrets/nats-url";
  };
  template =
    (pkgs.nixos {
      imports = [
        self.nixosModules.messenger
        ../template/configuration.nix
      ];
    }).config;

  units = {
    "messenger.service" = text onSqlite "messenger";
    "messenger-chat.service" = text onPostgres "messenger-chat";
    "messenger-auth.service" = text onPostgres "messenger-auth";
    "messenger-chat-elsewhere.service" = text elsewhere "messenger-chat";
  };
  golden = pkgs.linkFarm "messenger-units" (lib.mapAttrs (_: pkgs.writeText "unit") units);

  ports =
    config:
    lib.filter (port: lib.elem port config.networking.firewall.allowedTCPPorts) [
      80
      443
      3000
      8080
      9180
    ];
  warned = config: lib.filter (lib.hasInfix "services.messenger") config.warnings;
  environment = config: name: config.systemd.services.${name}.environment;
  locations = elsewhere.services.nginx.virtualHosts."chat.example.com".locations;

  facts = {
    "one process on SQLite" =
      onSqlite.systemd.services ? messenger
      && !(onSqlite.systemd.services ? messenger-chat)
      && !onSqlite.services.postgresql.enable;
    "two processes on PostgreSQL" =
      onPostgres.systemd.services ? messenger-chat
      && onPostgres.systemd.services ? messenger-auth
      && !(onPostgres.systemd.services ? messenger);
    "the database is made, and its user owns it" =
      onPostgres.services.postgresql.ensureDatabases == [ "messenger" ]
      && (lib.head onPostgres.services.postgresql.ensureUsers).ensureDBOwnership;
    "systemd waits until a program says that it is ready" =
      onSqlite.systemd.services.messenger.serviceConfig.Type == "notify";
    "a firewall is closed unless asked" = ports onSqlite == [ ];
    "a firewall opens for the two servers, never for metrics" =
      ports onPostgres == [
        3000
        8080
      ];
    "a firewall opens for nginx alone" =
      ports elsewhere == [
        80
        443
      ];
    "a firewall opens for Caddy alone" =
      ports withCaddy == [
        80
        443
      ];
    "a firewall opens for the one server that listens beyond this machine" =
      ports oneServerPublic == [ 8080 ] && warned oneServerPublic == [ ];
    "a firewall that opens nothing is warned of" =
      ports (evaluated {
        openFirewall = true;
      }) == [ ]
      &&
        lib.length (
          warned (evaluated {
            openFirewall = true;
          })
        ) == 1;
    "nginx leads to both" =
      locations."/".proxyPass == "http://127.0.0.1:3000"
      && lib.all (path: locations."= ${path}".proxyPass == "http://127.0.0.1:8080") [
        "/ws"
        "/schema.json"
        "/asyncapi.json"
      ]
      && locations."= /ws".proxyWebsockets;
    "nginx lets uploads of any size through" =
      lib.hasInfix "client_max_body_size 0;"
        locations."/".extraConfig;
    "nginx's name is the public address, and its scheme the address's" =
      (environment elsewhere "messenger-chat").PUBLIC_URL == "http://chat.example.com"
      && (environment withTls "messenger").PUBLIC_URL == "https://chat.example.com"
      && !(environment onSqlite "messenger" ? PUBLIC_URL);
    "Caddy's name is the public address, and it leads to both" =
      (environment withCaddy "messenger").PUBLIC_URL == "https://chat.example.com"
      &&
        lib.hasInfix "reverse_proxy @chat 127.0.0.1:8080\nreverse_proxy 127.0.0.1:3000"
          withCaddy.services.caddy.virtualHosts."chat.example.com".extraConfig;
    "the proxy on this machine is believed, whoever else is" =
      lib.sort lib.lessThan (lib.splitString "," (environment elsewhere "messenger-auth").TRUSTED_PROXY)
      == [
        "10.0.0.0/8"
        "127.0.0.1"
        "::1"
      ]
      && (environment withCaddy "messenger").TRUSTED_PROXY == "127.0.0.1,::1";
    "what is not set is left to the programs" = !(environment onSqlite "messenger" ? CHAT_MESSAGE_RATE);
    "old names go on" =
      let
        chat = environment oldNames "messenger-chat";
      in
      chat.ALLOW_ORIGIN == "https://a.example"
      && chat.CHAT_MESSAGE_RATE == "7"
      && chat.AUTH_SIGNUP_RATE == "0"
      && chat.LOG_FORMAT == "json"
      && chat.TRUSTED_PROXY == "10.0.0.0/8"
      && chat.LOG_FILTER == "warn"
      && chat.DATABASE_URL_FILE == "%d/DATABASE_URL";
    "a secret is a credential and in no variable" =
      (environment elsewhere "messenger-chat").DATABASE_URL_FILE == "%d/DATABASE_URL"
      && !(environment elsewhere "messenger-chat" ? DATABASE_URL)
      &&
        elsewhere.systemd.services.messenger-chat.serviceConfig.LoadCredential
        == [ "DATABASE_URL:/run/secrets/database-url" ]
      && !elsewhere.services.postgresql.enable;
    "a bus is made for this machine alone, and the chat server connects to it" =
      withBus.services.nats.enable
      && withBus.services.nats.settings.host == "127.0.0.1"
      && (environment withBus "messenger-chat").NATS_URL == "nats://127.0.0.1:4222"
      && !(environment withBus "messenger-auth" ? NATS_URL)
      && !onPostgres.services.nats.enable;
    "a bus may be elsewhere" =
      (environment busElsewhere "messenger-chat").NATS_URL == "nats://bus1.example,nats://bus2.example"
      && !busElsewhere.services.nats.enable
      && (environment secretBus "messenger-chat").NATS_URL_FILE == "%d/NATS_URL";
    "a percent sign stays one" =
      (environment escaped "messenger-auth").DATABASE_URL
      == "postgres://me@db.example/x%%20y?sslmode=verify-full";
    "nothing else is refused" =
      lib.all
        (
          config:
          lib.filter (lib.hasInfix "messenger") (
            map (it: it.message) (lib.filter (it: !it.assertion) config.assertions)
          ) == [ ]
        )
        [
          onSqlite
          onPostgres
          elsewhere
          escaped
          withBus
          busElsewhere
          secretBus
          withCaddy
          withTls
          oneServerPublic
          noSecrets
          template
        ];
    "the template runs Messenger" = template.systemd.services ? messenger-chat;
    "every option is explained, with an example" =
      self.packages.${pkgs.stdenv.hostPlatform.system}.docs.undocumented == [ ];
  }
  // import ./refusals.nix { inherit self pkgs; };
  untrue = lib.attrNames (lib.filterAttrs (_: holds: !holds) facts);
in
pkgs.runCommand "messenger-module"
  {
    nativeBuildInputs = [ pkgs.diffutils ];
    untrue = lib.concatStringsSep "\n" untrue;
    passthru = { inherit facts golden units; };
  }
  ''
    if [ -n "$untrue" ]; then
      printf 'not so: %s\n' "$untrue" >&2
      exit 1
    fi
    for unit in ${golden}/*; do
      diff -u ${../golden}/"$(basename "$unit")" "$unit" || {
        echo "nix/golden is out of date: cp --no-preserve=mode ${golden}/* nix/golden/" >&2
        exit 1
      }
    done
    touch $out
  ''
