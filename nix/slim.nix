# Programs and the few shared libraries that they load, in one folder that needs no other.
#
# The closure of glibc and of gcc's libraries is several times the size of a program, and the rest of it is nothing
# that a container needs.
{
  pkgs,
  name,
  programs,
}:
let
  inherit (pkgs) lib;
in
pkgs.runCommand "${name}-slim"
  {
    nativeBuildInputs = [
      pkgs.patchelf
      pkgs.nukeReferences
    ];
    # Whatever still named another folder would fail the build.
    allowedReferences = [ "out" ];
  }
  ''
    mkdir -p $out/bin $out/lib
    cp ${lib.concatMapStringsSep " " lib.getExe programs} $out/bin/
    for program in $out/bin/*; do
      loader=$(patchelf --print-interpreter "$program")
      cp -Lf "$loader" $out/lib/
      "$loader" --list "$program" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' > libraries
      xargs -n 1 -a libraries cp -Lft $out/lib
    done
    chmod -R u+w $out
    # First, so that what names $out from here on stays.
    nuke-refs $out/bin/* $out/lib/*
    for program in $out/bin/*; do
      loader=$out/lib/$(basename "$(patchelf --print-interpreter "$program")")
      patchelf --set-interpreter "$loader" --set-rpath $out/lib "$program"
      "$loader" --list "$program" > /dev/null
    done
  ''
