# Container images: one program, its libraries, CA certificates. No shell, no package manager, no root.
{
  pkgs,
  about,
  # As Docker takes it: `@` and seconds.
  created,
  revision,
}:
let
  inherit (pkgs) lib;
  inherit (about) version;

  user = "65532:65532";
  libraries = pkgs.callPackage ./libraries.nix { };

  # Every store path is a layer of its own: libraries and certificates are the same in all images.
  layered =
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
    {
      name = mainProgram;
      tag = "latest";
      inherit created;
      contents = [
        (pkgs.callPackage ./slim.nix { inherit libraries program; })
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
        # Asks at the addresses that the server itself has been told, by the same variables.
        Healthcheck = {
          Test = [
            "CMD"
            "/bin/${mainProgram}"
            "--health"
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
          "org.opencontainers.image.licenses" = about.license;
        }
        // lib.optionalAttrs (about ? repository) {
          "org.opencontainers.image.source" = about.repository;
        };
      }
      // lib.optionalAttrs data {
        WorkingDir = "/data";
        Volumes."/data" = { };
      };
    };

  # Writes an archive to standard output, so that a large one need not lie in the store.
  stream = args: pkgs.dockerTools.streamLayeredImage (layered args);

  # For `docker load`, under two tags.
  archive =
    args:
    let
      inherit (args.program.meta) mainProgram description;
    in
    pkgs.runCommand "${mainProgram}-image.tar.gz"
      {
        nativeBuildInputs = [ pkgs.jq ];
        passthru = {
          stream = stream args;
          program = mainProgram;
        };
        meta = {
          inherit (args.program.meta) license platforms;
          description = "Container image: ${description}";
        };
      }
      ''
        mkdir image
        ${stream args} | tar -xC image
        jq -c '.[0].RepoTags = ["${mainProgram}:latest", "${mainProgram}:${version}"]' image/manifest.json > manifest.json
        mv manifest.json image/
        cd image
        tar --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -c * | gzip -9n > $out
      '';

  second = 1000000000;
  chatListens = "CHAT_LISTEN=0.0.0.0:8080";
  authListens = "AUTH_LISTEN=0.0.0.0:3000";
  # Not DATABASE_URL, so that DATABASE_URL_FILE can be set without a contradiction.
  keepsInData = "STATE_DIRECTORY=/data";

  arguments = programs: {
    chat = {
      program = programs.chat;
      ports = [ 8080 ];
      env = [ chatListens ];
      data = false;
    };
    auth = {
      program = programs.auth;
      ports = [ 3000 ];
      env = [
        authListens
        keepsInData
      ];
      data = true;
    };
    messenger = {
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
  };
in
# Images of these programs.
programs: lib.mapAttrs (_: archive) (arguments programs)
