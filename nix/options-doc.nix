# A page about every option of the NixOS module, made by what makes NixOS' own manual.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  inherit (pkgs.nixos { imports = [ self.nixosModules.default ]; }) options;

  ours = lib.filter (option: option.visible && !option.internal) (
    lib.optionAttrSetToDocList options.services.messenger
  );
  page = pkgs.nixosOptionsDoc {
    options = { inherit (options.services) messenger; };
    # Where an option is declared would be a path in the store.
    transformOptions = option: option // { declarations = [ ]; };
  };
in
pkgs.runCommand "messenger-options"
  {
    # For a test that none is left without words. Old names are not documented.
    passthru.undocumented = map (option: option.name) (
      lib.filter (option: !(option ? description && option ? example)) (
        lib.filter (option: option.name != "services.messenger.settings.<name>") ours
      )
    );
    meta.description = "The options of the NixOS module";
  }
  ''
    install -D -m 0644 ${page.optionsCommonMark} $out/options.md
    install -D -m 0644 ${page.optionsJSON}/share/doc/nixos/options.json $out/options.json
  ''
