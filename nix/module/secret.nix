# Whether a text holds a secret. What is in the Nix store can be read by every user of the machine.
{ lib }:
let
  # A key of a query that is, or once decoded could be, a password.
  inQuery = text: builtins.match ".*[?&][^=&]*(password|%)[^=&]*=.*" (lib.toLower text) != null;
  isOf = schemes: text: builtins.match "(${schemes})://.*" (lib.toLower text) != null;
in
rec {
  # `postgres://user@host` names nobody's secret. A password may hold anything, also `/` and `@`.
  hasPassword = url: inQuery url || builtins.match "[^:]*://.*:.*@.*" url != null;

  # Where a user alone may be a token (NATS), or is nobody's business.
  hasUser = text: inQuery text || builtins.match ".*://.*@.*" text != null;

  # In any setting: who a database's user is, and who sends mail (`?from=`), is no secret.
  isIn =
    text:
    if isOf "postgres|postgresql" text then
      hasPassword text
    else if isOf "smtps?" text then
      inQuery text || hasUser (lib.head (lib.splitString "?" text))
    else
      hasUser text;
}
