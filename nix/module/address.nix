# Addresses and ports.
{ lib }:
let
  isWildcard = address: address == "0.0.0.0" || address == "::";
in
{
  # Of the servers' options. Anything else is refused with a sentence.
  isAddress =
    address: builtins.match "[0-9]+(\\.[0-9]+){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*" address != null;

  isLoopback = address: lib.hasPrefix "127." address || address == "::1";

  toText =
    { listenAddress, port, ... }:
    if lib.hasInfix ":" listenAddress then
      "[${listenAddress}]:${toString port}"
    else
      "${listenAddress}:${toString port}";

  # `127.0.0.1:9180` or `[::1]:9180`, as the type of the option has made sure.
  parse =
    text:
    let
      parts = builtins.match "\\[?([^]]*)]?:([0-9]+)" text;
    in
    {
      listenAddress = lib.head parts;
      port = lib.toInt (lib.last parts);
    };

  # Whether two servers cannot both have theirs.
  clash =
    one: other:
    one.port == other.port
    && (
      one.listenAddress == other.listenAddress
      || isWildcard one.listenAddress
      || isWildcard other.listenAddress
    );

  # Where a server of this machine is reached from this machine.
  near =
    { listenAddress, port, ... }:
    let
      address =
        {
          "0.0.0.0" = "127.0.0.1";
          "::" = "[::1]";
        }
        .${listenAddress}
          or (if lib.hasInfix ":" listenAddress then "[${listenAddress}]" else listenAddress);
    in
    "${address}:${toString port}";
}
