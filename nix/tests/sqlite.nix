# The module as it is with nothing but `enable`: one process, one SQLite file.
{ self, machines }:
machines {
  name = "messenger-sqlite";
  globalTimeout = 3600;

  machines.machine = {
    imports = [
      self.nixosModules.default
      (import ./clients.nix { inherit self; })
    ];
    services.messenger = {
      enable = true;
      settings = {
        CHAT_MESSAGE_RATE = 0;
        AUTH_SIGNUP_RATE = 0;
        LOG_FORMAT = "json";
      };
    };
  };

  testScript = import ./script.nix + ''

    start_all()

    with subtest("the service comes up, for this machine only"):
        machine.wait_for_unit("messenger.service")
        well(machine, "127.0.0.1")
        machine.succeed("ss -Hltn 'sport = :8080' | grep -q 127.0.0.1:8080")
        machine.fail("ss -Hltn 'sport = :8080' | grep -v 127.0.0.1:8080")

    with subtest("two people chat, and one of them later"):
        told(machine, "127.0.0.1", "both_ways", "offline_in_order")
        post(machine, "127.0.0.1", "/signup", ALICE, 201)

    with subtest("everything is in one folder that is its user's alone"):
        machine.succeed("test -s /var/lib/private/messenger/messenger.db")
        assert machine.succeed("stat -c %a /var/lib/private/messenger").strip() == "700"

    with subtest("the log is JSON"):
        line = machine.succeed("journalctl -u messenger.service -o cat | grep listening | tail -1")
        assert "fields" in json.loads(line) or "message" in json.loads(line), line

    with subtest("hardening"):
        machine.log(machine.succeed("systemd-analyze security --no-pager --threshold=15 messenger.service | tail -n 1"))

    with subtest("a restart keeps accounts"):
        machine.succeed("systemctl restart messenger.service")
        well(machine, "127.0.0.1")
        post(machine, "127.0.0.1", "/login", ALICE, 200)
        post(machine, "127.0.0.1", "/signup", ALICE, 409)
        assert machine.get_unit_property("messenger.service", "NRestarts") == "0"
  '';
}
