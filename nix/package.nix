# The programs, and every check that cargo runs on them.
{
  pkgs,
  craneLib,
  version,
}:
let
  inherit (pkgs) lib;

  crates = map (member: ../. + "/${member}") (lib.importTOML ../Cargo.toml).workspace.members;

  # What the compiler, the linters and the tests read, and nothing else: a change of a page or of a recipe rebuilds
  # nothing.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions (
      [
        ../Cargo.toml
        ../Cargo.lock
        ../clippy.toml
        ../rustfmt.toml
        ../deny.toml
        # The protocol's page and schemas, which tests compare with the code.
        ../docs/PROTOCOL.md
        (lib.fileset.fileFilter (file: file.hasExt "json" || file.hasExt "yaml") ../docs)
      ]
      ++ crates
    );
  };

  common = {
    inherit src version;
    pname = "messenger";
    strictDeps = true;
    # `default-members` holds `messenger` alone; what only measures is not to bring its features into what is shipped.
    cargoExtraArgs = "--locked --workspace --exclude bench --exclude bench-tokio-relay";
  };

  # Dependencies are compiled twice, once as they are shipped and once as they are tested, and shared by all below.
  shipped = craneLib.buildDepsOnly (
    common
    // {
      buildPhaseCargoCommand = "cargoWithProfile build ${common.cargoExtraArgs}";
      doCheck = false;
    }
  );
  dev = common // {
    pname = "messenger-dev";
    CARGO_PROFILE = "dev";
  };
  tested = dev // {
    cargoArtifacts = craneLib.buildDepsOnly dev;
  };

  all = craneLib.buildPackage (
    common
    // {
      cargoArtifacts = shipped;
      # `checks.tests` runs them; whoever only installs need not.
      doCheck = false;
      meta = {
        description = "All programs of Messenger";
        license = with lib.licenses; [
          mit
          asl20
        ];
        platforms = lib.platforms.linux;
        mainProgram = "messenger";
      };
    }
  );

  # One program by itself.
  program =
    name: description:
    pkgs.runCommand "${name}-${version}"
      {
        pname = name;
        inherit version;
        meta = all.meta // {
          inherit description;
          mainProgram = name;
        };
      }
      ''
        install -D ${all}/bin/${name} $out/bin/${name}
      '';
in
{
  inherit all;

  programs = lib.mapAttrs program {
    chat = "WebSocket chat server";
    auth = "HTTP server for the accounts of a chat";
    messenger = "Chat server and accounts in one process, on one embedded database";
    acceptance = "Tells stories to a running Messenger and says which of its promises it keeps";
  };

  checks = {
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
    fmt = craneLib.cargoFmt {
      inherit (common) src version pname;
      cargoExtraArgs = "--all";
    };
    deny = craneLib.cargoDeny {
      inherit (common) src version pname;
      cargoDenyExtraArgs = "--all-features";
      cargoDenyChecks = "--hide-inclusion-graph licenses sources bans";
    };
    # Unit tests, and the store on SQLite and on a PostgreSQL that the tests start themselves.
    tests = craneLib.cargoTest (
      tested
      // {
        cargoTestExtraArgs = "--exclude acceptance";
        nativeBuildInputs = [
          pkgs.openssl
          pkgs.pgbouncer
          pkgs.postgresql_17
        ];
      }
    );
  };
}
