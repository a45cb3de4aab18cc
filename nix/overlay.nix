# `pkgs.messenger`, and all packages in `pkgs.messengerPackages`, where each can be overridden.
{ crane }:
final: _: {
  messengerPackages = final.callPackage ./packages.nix { craneLib = crane.mkLib final; };
  inherit (final.messengerPackages) messenger;
}
