# Container images: one program, its libraries, CA certificates. No shell, no package manager, no root.
{
  pkgs,
  programs,
  version,
  created,
  revision,
  # The address of the repository, once Cargo.toml names one.
  source,
}:
let
  inherit (pkgs) lib;

  user = "65532:65532";

  # Asks a server in the same container whether it is well: there is nothing else inside that could.
  healthy = pkgs.runCommandCC "healthy" {
    nativeBuildInputs = [ pkgs.rustc ];
    pname = "healthy";
    inherit version;
    meta.mainProgram = "healthy";
  } "mkdir -p $out/bin; rustc --edition 2024 -O -C strip=symbols ${./healthy.rs} -o $out/bin/healthy";

  image =
    {
      program,
      ports,
      env,
      # Keeps its database in /data.
      data,
    }:
    let
      inherit (program.meta) mainProgram;
    in
    pkgs.dockerTools.buildLayeredImage {
      name = mainProgram;
      tag = "latest";
      inherit created;
      contents = [
        (import ./slim.nix {
          inherit pkgs;
          name = mainProgram;
          programs = [
            program
            healthy
          ];
        })
        pkgs.dockerTools.caCertificates
      ];
      fakeRootCommands = lib.optionalString data ''
        install -d -m 0700 -o 65532 -g 65532 data
      '';
      config = {
        Entrypoint = [ "/bin/${mainProgram}" ];
        User = user;
        Env = [ "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt" ] ++ env;
        ExposedPorts = lib.genAttrs (map (port: "${toString port}/tcp") ports) (_: { });
        # The port that is asked is the first.
        Healthcheck = {
          Test = [
            "CMD"
            "/bin/healthy"
            (toString (lib.head ports))
          ];
          Interval = 10 * second;
          Timeout = 5 * second;
          StartPeriod = 60 * second;
          Retries = 3;
        };
        StopSignal = "SIGTERM";
        Labels = {
          "org.opencontainers.image.title" = mainProgram;
          "org.opencontainers.image.description" = program.meta.description;
          "org.opencontainers.image.version" = version;
          "org.opencontainers.image.revision" = revision;
          "org.opencontainers.image.licenses" = "MIT OR Apache-2.0";
        }
        // lib.optionalAttrs (source != null) { "org.opencontainers.image.source" = source; };
      }
      // lib.optionalAttrs data {
        WorkingDir = "/data";
        Volumes."/data" = { };
      };
      meta = {
        inherit (program.meta) license platforms;
        description = "Container image: ${program.meta.description}";
      };
    };

  second = 1000000000;
  chatListens = "CHAT_LISTEN=0.0.0.0:8080";
  authListens = "AUTH_LISTEN=0.0.0.0:3000";
  # Not DATABASE_URL, so that DATABASE_URL_FILE can be set without a contradiction.
  keepsInData = "STATE_DIRECTORY=/data";
in
{
  chat = image {
    program = programs.chat;
    ports = [ 8080 ];
    env = [ chatListens ];
    data = false;
  };
  auth = image {
    program = programs.auth;
    ports = [ 3000 ];
    env = [
      authListens
      keepsInData
    ];
    data = true;
  };
  messenger = image {
    program = programs.messenger;
    ports = [
      8080
      3000
    ];
    env = [
      chatListens
      authListens
      keepsInData
    ];
    data = true;
  };
}
