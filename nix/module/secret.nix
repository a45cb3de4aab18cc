# Whether a text holds a secret. What is in the Nix store can be read by every user of the machine.
{ lib }:
let
  # A key of a query that is, or once decoded could be, a password.
  inQuery = text: builtins.match ".*[?&][^=&]*(password|%)[^=&]*=.*" (lib.toLower text) != null;
in
{
  # `postgres://user@host` names nobody's secret. A password may hold anything, also `/` and `@`.
  hasPassword = url: inQuery url || builtins.match "[^:]*://.*:.*@.*" url != null;

  # Where a user alone may be a token (NATS), or is nobody's business.
  hasUser = text: inQuery text || builtins.match ".*://.*@.*" text != null;
}
