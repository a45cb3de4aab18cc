# Every test script as text, with the names of its machines, for tools that check Python: `nix-instantiate --eval --strict --json`.
#
# Needs neither nixpkgs nor the machines.
let
  self = throw "the machines are not evaluated here";
  machines = import ./machines.nix;
  shown = test: {
    script = test.testScript;
    vms = builtins.attrNames (test.nodes or { });
    containers = builtins.attrNames (test.containers or { });
  };
  files = import ./files.nix;
  of =
    kind:
    builtins.listToAttrs (
      map (name: {
        name = "${kind}-${name}";
        value = shown (
          import files.${name} {
            inherit self;
            machines = machines.${kind};
          }
        );
      }) (builtins.attrNames files)
    );
in
{
  vm-postgres = shown (import ../../nixos-test.nix { inherit self; });
  vm-cluster = shown (import ./cluster.nix { inherit self; });
}
// of "vm"
// of "container"
