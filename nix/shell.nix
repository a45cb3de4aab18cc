# What `./check` and a day's work need.
{ pkgs }:
pkgs.mkShell {
  packages =
    with pkgs;
    [
      cargo
      clippy
      rustc
      rustfmt
      rust-analyzer
      cargo-deny
      # For the tests: real servers, real clients.
      curl
      git
      nodejs
      nats-server
      openssl
      pgbouncer
      postgresql_17
      sqlite
      # For this folder, its test scripts and compose.yaml.
      deadnix
      nixfmt
      ruff
      ty
      (python3.withPackages (python: [ python.pyyaml ]))
    ]
    # For the units, and for networks of the tests.
    ++ lib.optionals stdenv.hostPlatform.isLinux [
      iproute2
      systemd
      util-linux
    ];
  env.RUST_BACKTRACE = "1";
}
