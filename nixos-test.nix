# A server with the module and PostgreSQL, and a client that knows nothing but its name.
#
# What the client does are the acceptance stories that `./check` tells to bare processes: one source, two drivers.
# Other arrangements have tests of their own in nix/tests.
{ self }:
{
  name = "messenger-postgres";
  globalTimeout = 3600;

  nodes.server = {
    imports = [ self.nixosModules.default ];
    services.messenger = {
      enable = true;
      openFirewall = true;
      database.createLocally = true;
      chat = {
        listenAddress = "0.0.0.0";
        # Everywhere, so that it is the firewall that keeps others out.
        metricsListen = "0.0.0.0:9180";
      };
      auth.listenAddress = "0.0.0.0";
      settings = {
        CHAT_MESSAGE_RATE = 0;
        # All of them sign up from one address.
        AUTH_SIGNUP_RATE = 0;
      };
    };
    virtualisation.memorySize = 1024;
  };

  nodes.client = {
    imports = [ (import ./nix/tests/clients.nix { inherit self; }) ];
    virtualisation.memorySize = 512;
  };

  testScript = import ./nix/tests/script.nix + ''

    UNITS = ("messenger-chat", "messenger-auth")


    def in_order() -> None:
        for unit in UNITS:
            server.wait_for_unit(f"{unit}.service")
        well(client, "server")


    def token(who: dict[str, str]) -> str:
        return str(post(client, "server", "/login", who, 200)["token"])


    def unread(who: dict[str, str]) -> list[str]:
        return client.succeed(f"talk ws://server:8080 {token(who)} hear").splitlines()


    start_all()

    with subtest("the services come up"):
        server.wait_for_unit("postgresql.target")
        in_order()

    with subtest("signup"):
        alice = post(client, "server", "/signup", ALICE, 201)
        bob = post(client, "server", "/signup", BOB, 201)
        assert alice == {"id": 1, "email": "alice@example.com", "name": "Alice"}, alice
        assert bob["id"] == 2, bob
        told(client, "server", "signup")

    with subtest("the same email is refused"):
        again = {**ALICE, "email": "Alice@Example.COM"}
        refused = post(client, "server", "/signup", again, 409)
        assert refused["error"] == "email already registered", refused

    with subtest("login, right and wrong"):
        told(client, "server", "login", "wrong_tokens")
        post(client, "server", "/login", {**ALICE, "password": "not it"}, 401)

    with subtest("ping and pong"):
        told(client, "server", "alive")

    with subtest("two people chat"):
        told(client, "server", "both_ways")

    with subtest("a message to somebody offline"):
        told(client, "server", "resume_after_a_drop")
        client.succeed(f"talk ws://server:8080 {token(ALICE)} say 2 'while you were away'")
        assert unread(BOB) == ["while you were away"]

    with subtest("the firewall lets in only what it should"):
        server.succeed("curl -sf http://127.0.0.1:9180/metrics | grep -c '^# TYPE'")
        for port in (22, 5432, 9180):
            client.fail(f"curl -s --connect-timeout 5 http://server:{port}/")

    with subtest("nobody needs a password for the database, and nobody else gets in"):
        owner = "select pg_get_userbyid(datdba) from pg_database where datname = 'messenger'"
        assert server.succeed(f"su postgres -s /bin/sh -c \"psql -tAc \\\"{owner}\\\"\"").strip() == "messenger"
        server.fail("su nobody -s /bin/sh -c 'psql -h /run/postgresql -U messenger messenger -c \"select 1\"'")

    with subtest("hardening"):
        for unit in UNITS:
            server.log(server.succeed(f"systemd-analyze security --no-pager --threshold=15 {unit}.service | tail -n 1"))
            assert server.get_unit_property(f"{unit}.service", "TasksMax") == "32768"
            assert server.get_unit_property(f"{unit}.service", "MemoryMax") == str(2 * 1024**3)
            pid = server.get_unit_property(f"{unit}.service", "MainPID")
            assert server.succeed(f"ps -o user= -p {pid}").strip() == "messenger"

    with subtest("a crash is followed by a restart"):
        for unit in UNITS:
            pid = server.get_unit_property(f"{unit}.service", "MainPID")
            server.succeed(f"kill -9 {pid}")
            server.wait_until_succeeds(f"test $(systemctl show {unit} -P MainPID) -ne {pid} -a $(systemctl show {unit} -P MainPID) -ne 0", timeout=120)
        in_order()

    with subtest("a restart of the services keeps accounts and messages"):
        client.succeed(f"talk ws://server:8080 {token(ALICE)} say 2 'before the restart'")
        server.succeed("systemctl restart " + " ".join(UNITS))
        in_order()
        assert unread(BOB) == ["while you were away", "before the restart"]

    with subtest("a restart of the database is waited for"):
        server.succeed("systemctl restart postgresql.service")
        in_order()
        told(client, "server", "both_ways")

    with subtest("a restart of the machine keeps accounts and messages"):
        server.shutdown()
        server.start()
        in_order()
        assert unread(BOB) == ["while you were away", "before the restart"]
        told(client, "server", "both_ways")
  '';
}
