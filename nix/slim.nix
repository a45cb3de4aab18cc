# A program that loads its libraries from libraries.nix and names no other folder. A static one is only copied.
{
  lib,
  runCommand,
  patchelf,
  nukeReferences,
  libraries,
  program,
}:
runCommand "${program.pname}-slim"
  {
    nativeBuildInputs = [
      patchelf
      nukeReferences
    ];
    allowedReferences = [ libraries ];
  }
  ''
    mkdir -p $out/bin
    program=$out/bin/${program.meta.mainProgram}
    cp ${lib.getExe program} "$program"
    chmod u+w "$program"
    nuke-refs "$program"
    if patchelf --print-interpreter "$program" > interpreter 2> /dev/null; then
      loader=${libraries}/lib/$(basename "$(cat interpreter)")
      patchelf --set-interpreter "$loader" --set-rpath ${libraries}/lib "$program"
      # All of them are there.
      "$loader" --list "$program"
    fi
    # It starts. A shell takes an empty file for a program that succeeds.
    "$program" --version | grep -F ${lib.escapeShellArg program.version}
  ''
