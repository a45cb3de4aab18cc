# The tests that run on either kind of machine.
{
  sqlite = ./sqlite.nix;
  url-file = ./url-file.nix;
  nginx = ./nginx.nix;
}
