# The tests on virtual machines, one file each. They need KVM.
{ self, pkgs }:
let
  test = file: pkgs.testers.runNixOSTest (import file { inherit self; });
in
{
  vm-postgres = test ../../nixos-test.nix;
  vm-sqlite = test ./sqlite.nix;
  vm-url-file = test ./url-file.nix;
  vm-nginx = test ./nginx.nix;
}
