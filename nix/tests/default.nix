# The tests on machines, one file each: `vm-NAME` needs KVM, `container-NAME` is the same without.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  machines = import ./machines.nix;
  files = import ./files.nix;
  test =
    kind: file:
    pkgs.testers.runNixOSTest (
      import file {
        inherit self;
        machines = machines.${kind};
      }
    );
in
{
  # It switches machines off and on, which containers are not for.
  vm-postgres = pkgs.testers.runNixOSTest (import ../../nixos-test.nix { inherit self; });
}
// lib.mapAttrs' (name: file: lib.nameValuePair "vm-${name}" (test "vm" file)) files
// lib.mapAttrs' (name: file: lib.nameValuePair "container-${name}" (test "container" file)) files
