# What cannot work or would tell a secret is refused, with what to set instead.
{ config, lib, ... }:
let
  cfg = config.services.messenger;
  inherit (cfg)
    auth
    chat
    database
    nats
    ;
  known = import ./settings.nix { inherit lib; };
  address = import ./address.nix { inherit lib; };
  secret = import ./secret.nix { inherit lib; };

  isSplit = database.createLocally || database.url != null || cfg.credentials ? DATABASE_URL;
  hasProxy = cfg.nginx.enable || cfg.caddy.enable;
  isSet = value: value != null && value != [ ];
  set = lib.filterAttrs (_: isSet) cfg.settings;

  servers =
    lib.optionals hasProxy (
      map
        (port: {
          what = "the web server (port ${toString port})";
          listenAddress = "0.0.0.0";
          inherit port;
        })
        [
          80
          443
        ]
    )
    ++ [
      (chat // { what = "services.messenger.chat.port"; })
      (auth // { what = "services.messenger.auth.port"; })
    ]
    ++
      lib.mapAttrsToList
        (name: listen: address.parse listen // { what = "services.messenger.${name}.metricsListen"; })
        (
          lib.filterAttrs (_: listen: listen != null) {
            chat = chat.metricsListen;
            auth = auth.metricsListen;
          }
        );
  # Each pair once.
  clashes = lib.concatLists (
    lib.imap1 (
      index: one:
      map (other: { inherit one other; }) (lib.filter (address.clash one) (lib.drop index servers))
    ) servers
  );

  # The closest known name, if it is close.
  meant =
    name:
    let
      near = lib.filter (other: lib.strings.levenshteinAtMost 3 name other) known.names;
    in
    lib.optionalString (near != [ ]) " Is ${lib.concatStringsSep " or " near} meant?";

  namesSetting = name: "services.messenger.settings.${name}";
  unknown = lib.filter (name: !(lib.elem name known.names) && !(known.owned ? ${name})) (
    lib.attrNames set
  );
  owned = lib.filter (name: known.owned ? ${name}) (lib.attrNames set);
  telling = lib.filter (name: lib.any secret.isIn (map toString (lib.toList set.${name}))) (
    lib.attrNames set
  );
  strangeCredentials = lib.subtractLists known.secrets (lib.attrNames cfg.credentials);
  setTwice = lib.filter (name: set ? ${name}) (lib.attrNames cfg.credentials);
  listening = {
    chat = chat.listenAddress;
    auth = auth.listenAddress;
  };

  no = message: {
    assertion = false;
    inherit message;
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
            (cfg.credentials ? DATABASE_URL)
          ] <= 1;
        message = "services.messenger: set one of database.createLocally, database.url and credentials.DATABASE_URL, or none for SQLite.";
      }
      {
        assertion = database.url == null || !secret.hasPassword database.url;
        message = "services.messenger.database.url holds a password, which every user of the machine could read: put the URL into a file and name it in services.messenger.credentials.DATABASE_URL.";
      }
      {
        assertion =
          lib.count lib.id [
            nats.createLocally
            (nats.url != null)
            (cfg.credentials ? NATS_URL)
          ] <= 1;
        message = "services.messenger: set one of nats.createLocally, nats.url and credentials.NATS_URL.";
      }
      {
        assertion = nats.url == null || !secret.hasUser nats.url;
        message = "services.messenger.nats.url holds a password or a token, which every user of the machine could read: put the URL into a file and name it in services.messenger.credentials.NATS_URL.";
      }
      {
        assertion = isSplit || !(nats.createLocally || nats.url != null || cfg.credentials ? NATS_URL);
        message = "services.messenger.nats connects several chat servers on one PostgreSQL database, and SQLite is for one: set database.createLocally, database.url or credentials.DATABASE_URL.";
      }
      {
        assertion = isSplit || auth.metricsListen == null;
        message = "services.messenger.auth.metricsListen: on SQLite both servers are one process; chat.metricsListen shows both.";
      }
      {
        assertion = !(cfg.nginx.enable && cfg.caddy.enable);
        message = "services.messenger: enable nginx or caddy, not both: they would listen on the same ports.";
      }
    ]
    ++ lib.mapAttrsToList (name: given: {
      assertion = address.isAddress given;
      message = "services.messenger.${name}.listenAddress = \"${given}\" is not an IP address; write it without brackets and without a port, for example ::1 or 127.0.0.1.";
    }) listening
    ++ map (
      { one, other }:
      no "services.messenger: ${one.what} and ${other.what} would listen on the same port ${toString one.port} of the same address; change one of them."
    ) clashes
    ++ map (name: no "${namesSetting name} is no setting of the programs.${meant name}") unknown
    ++ map (
      name: no "${namesSetting name} is made by the module: set ${known.owned.${name}} instead."
    ) owned
    ++ map (
      name:
      no "${namesSetting name} holds a secret, which every user of the machine could read: ${
        if lib.elem name known.secrets then
          "put it into a file and name it in services.messenger.credentials.${name}."
        else
          "put it into services.messenger.environmentFile."
      }"
    ) telling
    ++ map (
      name:
      no "services.messenger.credentials.${name}: the programs read no such setting from a file; they read ${lib.concatStringsSep ", " known.secrets}."
    ) strangeCredentials
    ++ map (
      name: no "services.messenger: set ${name} either in settings or in credentials, not in both."
    ) setTwice;

    warnings =
      lib.optional
        (cfg.openFirewall && !hasProxy && lib.all address.isLoopback (lib.attrValues listening))
        "services.messenger.openFirewall opens nothing, since both servers listen on this machine only: set chat.listenAddress and auth.listenAddress.";
  };
}
