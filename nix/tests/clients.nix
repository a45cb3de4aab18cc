# What the machines of the tests need to talk to a server.
{ self }:
{ pkgs, ... }:
let
  script =
    name: file:
    pkgs.writers.writePython3Bin name {
      libraries = [ pkgs.python3Packages.websockets ];
      flakeIgnore = [ "E501" ];
    } file;
in
{
  environment.systemPackages = [
    self.packages.${pkgs.stdenv.hostPlatform.system}.acceptance
    pkgs.curl
    (script "talk" ./talk.py)
    (script "traffic" ./traffic.py)
  ];
}
