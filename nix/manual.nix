# The pages of docs/, for machines without a network.
{
  lib,
  runCommand,
  about,
}:
runCommand "messenger-manual-${about.version}"
  {
    pages = lib.fileset.toSource {
      root = ../docs;
      fileset = lib.fileset.fileFilter (file: file.hasExt "md") ../docs;
    };
    meta.description = "The pages about Messenger";
  }
  ''
    mkdir -p $out/share/doc
    cp -r $pages $out/share/doc/messenger
  ''
