# What `./check` and a day's work need.
{ pkgs }:
pkgs.mkShell {
  packages = with pkgs; [
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
    util-linux
    # For this folder, its units and compose.yaml.
    deadnix
    nixfmt
    (python3.withPackages (python: [ python.pyyaml ]))
    systemd
  ];
  env.RUST_BACKTRACE = "1";
}
