# A database that is not ours, with a password that only root can read.
{ self, machines }:
machines {
  name = "messenger-url-file";
  globalTimeout = 3600;

  machines.machine =
    { pkgs, ... }:
    {
      imports = [
        self.nixosModules.default
        (import ./clients.nix { inherit self; })
      ];
      services.postgresql = {
        enable = true;
        initialScript = pkgs.writeText "roles.sql" ''
          create role chatters login password 'p%ss w/rd';
          create database chatters owner chatters;
        '';
      };
      systemd.tmpfiles.settings."10-messenger"."/var/lib/secrets/database-url".f = {
        mode = "0400";
        user = "root";
        group = "root";
        argument = "postgres://chatters:p%%25ss%%20w%%2Frd@127.0.0.1/chatters";
      };
      services.messenger = {
        enable = true;
        credentials.DATABASE_URL = "/var/lib/secrets/database-url";
        settings = {
          CHAT_MESSAGE_RATE = 0;
          AUTH_SIGNUP_RATE = 0;
        };
      };
    };

  testScript = import ./script.nix + ''

    start_all()

    with subtest("the services come up"):
        machine.wait_for_unit("messenger-chat.service")
        machine.wait_for_unit("messenger-auth.service")
        well(machine, "127.0.0.1")

    with subtest("the secret is a credential of the service and nowhere else"):
        secret = machine.succeed("cat /var/lib/secrets/database-url").strip()
        assert "p%25ss%20w%2Frd" in secret, secret
        for unit in ("messenger-chat", "messenger-auth"):
            machine.succeed(f"grep -qxF '{secret}' /run/credentials/{unit}.service/DATABASE_URL")
            pid = machine.get_unit_property(f"{unit}.service", "MainPID")
            environment = machine.succeed(f"tr '\\0' '\\n' < /proc/{pid}/environ")
            assert "DATABASE_URL_FILE=" in environment and "w%2Frd" not in environment, environment
            journal = machine.succeed(f"journalctl -u {unit}.service")
            assert "listening" in journal and "w%2Frd" not in journal, journal
        # Not by `su`: PAM needs programs that are root's, which a build sandbox has none of.
        nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
        machine.succeed(f"{nobody} true")
        machine.fail(f"{nobody} cat /var/lib/secrets/database-url")

    with subtest("two people chat"):
        told(machine, "127.0.0.1", "both_ways")
  '';
}
