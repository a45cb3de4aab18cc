# What cargo checks, on dependencies that are compiled once for all of it.
{
  pkgs,
  craneLib,
  about,
  src,
}:
let
  source = {
    inherit src;
    inherit (about) version;
    pname = "messenger";
  };
  common = source // {
    pname = "messenger-dev";
    strictDeps = true;
    CARGO_PROFILE = "dev";
    # What only measures is not to bring its features into what is tested.
    cargoExtraArgs = "--locked --workspace --exclude bench --exclude bench-tokio-relay";
  };
  tested = common // {
    cargoArtifacts = craneLib.buildDepsOnly common;
    # Nothing builds on what a check leaves behind.
    doInstallCargoArtifacts = false;
  };
in
{
  clippy = craneLib.cargoClippy (
    tested // { cargoClippyExtraArgs = "--all-targets -- -D warnings"; }
  );
  doc = craneLib.cargoDoc (
    tested
    // {
      cargoDocExtraArgs = "--no-deps";
      env.RUSTDOCFLAGS = "-D warnings";
    }
  );
  fmt = craneLib.cargoFmt (source // { cargoExtraArgs = "--all"; });
  # Known advisories are another matter: their database changes every day. The workflow in .github asks for them.
  deny = craneLib.cargoDeny (
    source
    // {
      cargoDenyExtraArgs = "--all-features";
      cargoDenyChecks = "--hide-inclusion-graph licenses sources bans";
    }
  );
  # Unit tests, and the store on SQLite and on a PostgreSQL that the tests start themselves.
  tests = craneLib.cargoTest (
    tested
    // {
      cargoTestExtraArgs = "--exclude acceptance";
      # The sandbox has no certificates, and without any no push can be sent.
      env.SSL_CERT_FILE = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
      nativeBuildInputs = [
        pkgs.openssl
        pkgs.pgbouncer
        pkgs.postgresql_17
      ];
    }
  );
}
