# Options of earlier versions go on under their new names.
{ lib, ... }:
let
  renamed =
    old: new:
    lib.mkRenamedOptionModule
      (
        [
          "services"
          "messenger"
        ]
        ++ old
      )
      (
        [
          "services"
          "messenger"
        ]
        ++ new
      );
  setting =
    old: name:
    renamed old [
      "settings"
      name
    ];
in
{
  imports = [
    (setting [ "chat" "messageRate" ] "CHAT_MESSAGE_RATE")
    (setting [ "chat" "logDays" ] "CHAT_LOG_DAYS")
    (setting [ "chat" "logEvents" ] "CHAT_LOG_EVENTS")
    (setting [ "chat" "allowOrigins" ] "ALLOW_ORIGIN")
    (setting [ "auth" "signupRate" ] "AUTH_SIGNUP_RATE")
    (setting [ "accountQuota" ] "ACCOUNT_QUOTA")
    (setting [ "contact" ] "CHAT_CONTACT")
    (setting [ "logFormat" ] "LOG_FORMAT")
    (setting [ "publicUrl" ] "PUBLIC_URL")
    (setting [ "allowHosts" ] "ALLOW_HOST")
    (setting [ "allowOrigins" ] "ALLOW_ORIGIN")
    (setting [ "trustedProxies" ] "TRUSTED_PROXY")
    (renamed [ "extraSettings" ] [ "settings" ])
    (renamed [ "database" "urlFile" ] [ "credentials" "DATABASE_URL" ])
  ];
}
