# A page about every option of the NixOS module, in Markdown.
{ self, pkgs }:
let
  inherit (pkgs) lib;

  documented = lib.filter (option: option.visible && !option.internal) (
    lib.optionAttrSetToDocList
      (pkgs.nixos { imports = [ self.nixosModules.default ]; }).options.services.messenger
  );

  # `literalExpression` and `literalMD` carry text; anything else is shown as Nix would write it.
  shown = value: value.text or (lib.generators.toPretty { } value);
  line = label: value: lib.optionalString (value != null) "\n${label}: `${shown value}`\n";
  entry = option: ''
    ## `${option.name}`

    ${lib.trim (option.description.text or option.description)}

    Type: ${option.type}
    ${line "Default" (option.default or null)}${line "Example" (option.example or null)}
  '';
in
pkgs.writeTextDir "options.md" ''
  # Options of `services.messenger`

  ${lib.concatMapStringsSep "\n" entry documented}
''
// {
  # For a test that none is left without words.
  undocumented = map (option: option.name) (
    lib.filter (option: !(option ? description && option ? example)) documented
  );
}
