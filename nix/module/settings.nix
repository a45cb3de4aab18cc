# The options of `services.messenger.settings`, made from the programs' own flags.
#
# ../settings.json is what `messenger --print-settings` prints; a test compares the two.
{ lib }:
let
  inherit (lib) mkOption types;
  all = lib.importJSON ../settings.json;

  # Settings that the module makes from other options, and what to set instead.
  owned = {
    CHAT_LISTEN = "services.messenger.chat.listenAddress and services.messenger.chat.port";
    AUTH_LISTEN = "services.messenger.auth.listenAddress and services.messenger.auth.port";
    METRICS_LISTEN = "services.messenger.chat.metricsListen or services.messenger.auth.metricsListen";
    DATABASE_URL = "services.messenger.database";
    NATS_URL = "services.messenger.nats";
  }
  // lib.listToAttrs (
    map (name: lib.nameValuePair "${name}_FILE" "services.messenger.credentials.${name}") secrets
  );

  # What can be read from a file is what may be secret.
  secrets = lib.filter (name: all ? "${name}_FILE") (lib.attrNames all);

  typeOf =
    setting:
    let
      one =
        {
          boolean = types.bool;
          unsigned = types.ints.unsigned;
          integer = types.int;
          enum = types.enum setting.values;
        }
        .${setting.type} or types.str;
    in
    if setting.list then types.listOf types.str else types.nullOr one;

  example =
    name: setting:
    {
      boolean = true;
      unsigned = 5;
      integer = 5;
      enum = lib.last (setting.values or [ null ]);
    }
    .${setting.type} or {
      LOG_FILTER = "info,chat=debug";
      PUBLIC_URL = "https://chat.example.com";
    }
    .${name} or (if setting.list then [ "…" ] else "…");

  option =
    name: setting:
    mkOption {
      type = typeOf setting;
      default = if setting.list then [ ] else null;
      defaultText =
        if setting ? default then
          lib.literalMD "the program's: `${setting.default}`"
        else
          lib.literalMD "not set";
      example = example name setting;
      description = "${setting.help}.\n\nThe flag `${setting.flag}` of the programs.";
    };
in
{
  inherit all owned secrets;

  names = lib.subtractLists (lib.attrNames owned) (lib.attrNames all);

  type = types.submodule {
    freeformType =
      with types;
      attrsOf (
        nullOr (oneOf [
          bool
          int
          str
          (listOf str)
        ])
      );
    options = lib.mapAttrs option (removeAttrs all (lib.attrNames owned));
  };
}
