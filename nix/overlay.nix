# `pkgs.messenger`, and all packages in `pkgs.messengerPackages`, where each can be overridden.
{ crane, revision }:
final: _: {
  messengerPackages = final.callPackage ./packages.nix {
    craneLib = crane.mkLib final;
    inherit revision;
  };
  inherit (final.messengerPackages) messenger;
}
