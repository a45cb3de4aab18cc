# The few shared libraries that the programs load, in one folder that needs no other.
#
# The closure of glibc and of gcc's libraries is several times the size of a program, and the rest of it is nothing that a
# container needs. All images have this folder, as a layer that they share.
{
  lib,
  runCommand,
  stdenv,
  nukeReferences,
}:
runCommand "messenger-libraries"
  {
    nativeBuildInputs = [ nukeReferences ];
    # Whatever still named another folder would fail the build.
    allowedReferences = [ ];
    libraries = lib.concatMapStringsSep " " (package: "${lib.getLib package}/lib") [
      stdenv.cc.libc
      stdenv.cc.cc
    ];
  }
  ''
    mkdir -p $out/lib
    for name in $(basename ${stdenv.cc.bintools.dynamicLinker}) libc.so.6 libm.so.6 libgcc_s.so.1; do
      for folder in $libraries; do
        if [ -e "$folder/$name" ]; then
          cp -L "$folder/$name" $out/lib/
          break
        fi
      done
      [ -e "$out/lib/$name" ] || { echo "$name is in none of $libraries" >&2; exit 1; }
    done
    chmod -R u+w $out
    nuke-refs $out/lib/*
  ''
