# A program and the few shared libraries that it loads, in one folder that needs no other.
#
# The closure of glibc and of gcc's libraries is four times the size of a program, and holds nothing else that a
# container needs.
{ pkgs, program }:
let
  inherit (pkgs) lib;
  name = program.meta.mainProgram;
in
pkgs.runCommand "${name}-slim-${program.version}"
  {
    nativeBuildInputs = [
      pkgs.patchelf
      pkgs.nukeReferences
    ];
    # Anything that slipped through fails the build.
    allowedReferences = [ "out" ];
  }
  ''
    mkdir -p $out/bin $out/lib
    cp ${lib.getExe program} $out/bin/${name}
    loader=$(patchelf --print-interpreter $out/bin/${name})
    cp -L "$loader" $out/lib/
    "$loader" --list $out/bin/${name} > libraries
    sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' libraries | while read -r library; do
      cp -Ln "$library" $out/lib/
    done
    chmod -R u+w $out
    # In this order: the program's references to $out come last and stay.
    nuke-refs -e $out $out/bin/* $out/lib/*
    patchelf --set-interpreter $out/lib/"''${loader##*/}" --set-rpath $out/lib $out/bin/${name}
    $out/bin/${name} --version
  ''
