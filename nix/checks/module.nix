# The module without a machine: what it makes of settings, what it refuses, and that every option has its words.
{ self, pkgs }:
let
  inherit (pkgs) lib;

  evaluated =
    settings:
    (pkgs.nixos {
      imports = [ self.nixosModules.default ];
      services.messenger = {
        enable = true;
      }
      // settings;
      system.stateVersion = "26.05";
    }).config;

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
    in
    ''
      [Unit]
      Description=${unit.description}
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
    publicUrl = "https://chat.example.com";
    allowHosts = [
      "chat.local"
      "chat"
    ];
    allowOrigins = [
      "https://a.example"
      "https://b.example"
    ];
    auth.listenAddress = "0.0.0.0";
    openFirewall = true;
    logFormat = "json";
  };
  elsewhere = evaluated {
    database.urlFile = "/run/secrets/database-url";
    nginx = {
      enable = true;
      hostName = "chat.example.com";
    };
    openFirewall = true;
    extraSettings = {
      LOG_FILTER = "warn";
      CONNECTIONS_MAX = 5000;
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
  oldName = evaluated { chat.allowOrigins = [ "https://a.example" ]; };
  escaped = evaluated { database.url = "postgres://me@db.example/x%20y?sslmode=verify-full"; };

  golden = pkgs.linkFarm "messenger-units" (
    lib.mapAttrs (_: pkgs.writeText "unit") {
      "messenger.service" = text onSqlite "messenger";
      "messenger-chat.service" = text onPostgres "messenger-chat";
      "messenger-auth.service" = text onPostgres "messenger-auth";
      "messenger-chat-elsewhere.service" = text elsewhere "messenger-chat";
    }
  );

  refusal =
    settings:
    lib.concatMapStrings (it: it.message) (
      lib.filter (it: !it.assertion) (evaluated settings).assertions
    );
  ports =
    config:
    lib.filter (port: lib.elem port config.networking.firewall.allowedTCPPorts) [
      80
      443
      3000
      8080
      9180
    ];
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
    "nginx leads to both" =
      locations."/".proxyPass == "http://127.0.0.1:3000"
      && locations."= /ws".proxyPass == "http://127.0.0.1:8080"
      && locations."= /ws".proxyWebsockets;
    "nginx's name is the public address, and its scheme the address's" =
      elsewhere.systemd.services.messenger-chat.environment.PUBLIC_URL == "http://chat.example.com"
      && withTls.systemd.services.messenger.environment.PUBLIC_URL == "https://chat.example.com"
      && !(onSqlite.systemd.services.messenger.environment ? PUBLIC_URL);
    "allowed origins keep their old name" =
      oldName.systemd.services.messenger.environment.ALLOW_ORIGIN == "https://a.example";
    "nginx is believed" =
      elsewhere.systemd.services.messenger-auth.environment.TRUSTED_PROXY == "127.0.0.1,::1";
    "a secret is a credential and in no variable" =
      elsewhere.systemd.services.messenger-chat.environment.DATABASE_URL_FILE == "%d/database-url"
      && !(elsewhere.systemd.services.messenger-chat.environment ? DATABASE_URL)
      && !elsewhere.services.postgresql.enable;
    "a percent sign stays one" =
      escaped.systemd.services.messenger-auth.environment.DATABASE_URL
      == "postgres://me@db.example/x%%20y?sslmode=verify-full";
    "two databases are refused" = lib.hasInfix "set one of" (refusal {
      database = {
        createLocally = true;
        url = "postgres://db/x";
      };
    });
    "a password in the store is refused" = lib.hasInfix "use urlFile" (refusal {
      database.url = "postgres://me:secret@db/x";
    });
    "one address for two servers is refused" = lib.hasInfix "same address" (refusal {
      chat.port = 3000;
    });
    "a metrics address without a process is refused" = lib.hasInfix "chat.metricsListen" (refusal {
      auth.metricsListen = "127.0.0.1:9";
    });
    "a secret in the store is refused" =
      !(builtins.tryEval
        (evaluated { database.urlFile = "${pkgs.hello or pkgs.coreutils}"; })
        .services.messenger.database.urlFile
      ).success;
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
        ];
    "every option is explained, with an example" =
      self.packages.${pkgs.stdenv.hostPlatform.system}.docs.undocumented == [ ];
  };
  untrue = lib.attrNames (lib.filterAttrs (_: holds: !holds) facts);
in
pkgs.runCommand "messenger-module"
  {
    nativeBuildInputs = [ pkgs.diffutils ];
    untrue = lib.concatStringsSep "\n" untrue;
    passthru = { inherit golden; };
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
