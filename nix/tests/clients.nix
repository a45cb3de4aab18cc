# What the machines of the tests need to talk to a server.
{ self }:
{ pkgs, ... }:
{
  environment.systemPackages = [
    self.packages.${pkgs.stdenv.hostPlatform.system}.acceptance
    pkgs.curl
    (pkgs.writers.writePython3Bin "talk" {
      libraries = [ pkgs.python3Packages.websockets ];
      flakeIgnore = [ "E501" ];
    } ./talk.py)
  ];
}
