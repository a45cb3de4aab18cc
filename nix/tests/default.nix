# The tests on machines, one file each: virtual ones need KVM, containers do not, but need a builder that is set up for them.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  machines = import ./machines.nix;
  of =
    kind:
    lib.mapAttrs (
      _: file:
      pkgs.testers.runNixOSTest (
        import file {
          inherit self;
          machines = machines.${kind};
        }
      )
    ) (import ./files.nix);
in
{
  # These switch machines off and on, which containers are not for.
  vm =
    of "vm"
    // lib.mapAttrs (_: file: pkgs.testers.runNixOSTest (import file { inherit self; })) {
      postgres = ../../nixos-test.nix;
      cluster = ./cluster.nix;
    };
  container = of "container";
}
