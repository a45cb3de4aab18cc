# Three chat servers, PostgreSQL and NATS, each on a machine of its own, while people write over all of them: whatever
# dies or is cut off, nothing is lost, and nothing is there twice.
{ self }:
let
  node = {
    imports = [ self.nixosModules.default ];
    services.messenger = {
      enable = true;
      openFirewall = true;
      # Nothing on the network of this test speaks TLS.
      database.url = "postgres://messenger@database/messenger?sslmode=disable";
      nats.url = "nats://bus";
      chat.listenAddress = "0.0.0.0";
      auth.listenAddress = "0.0.0.0";
      settings = {
        CHAT_CONTACT = "open";
        CHAT_MESSAGE_RATE = 0;
        AUTH_SIGNUP_RATE = 0;
      };
    };
  };
in
{
  name = "messenger-cluster";
  globalTimeout = 3600;
  defaults.virtualisation.memorySize = 512;

  nodes = {
    node1 = node;
    node2 = node;
    node3 = node;

    database = {
      services.postgresql = {
        enable = true;
        enableTCPIP = true;
        ensureDatabases = [ "messenger" ];
        ensureUsers = [
          {
            name = "messenger";
            ensureDBOwnership = true;
          }
        ];
        # Whoever is on the network of this test.
        authentication = "host messenger messenger samenet trust";
      };
      networking.firewall.allowedTCPPorts = [ 5432 ];
    };

    bus = {
      services.nats.enable = true;
      networking.firewall.allowedTCPPorts = [ 4222 ];
    };

    client = import ./clients.nix { inherit self; };
  };

  testScript = import ./script.nix + ''

    NODES = {"node1": node1, "node2": node2, "node3": node3}
    URLS = " ".join(f"ws://{name}:8080" for name in NODES)


    def are_well() -> None:
        for name, node in NODES.items():
            node.wait_for_unit("messenger-chat.service")
            node.wait_for_unit("messenger-auth.service")
            well(client, name)


    def sent() -> list[int]:
        return [int(count) for count in client.succeed("cat /tmp/traffic/sent").split()]


    def goes_on() -> None:
        """Everybody sends more than they had sent by now."""
        before = sent()
        for person, count in enumerate(before, 1):
            client.wait_until_succeeds(f"test $(cut -d ' ' -f {person} /tmp/traffic/sent) -gt {count}", timeout=180)
        client.log(f"sent so far: {sent()}")


    start_all()

    with subtest("all come up"):
        database.wait_for_unit("postgresql.target")
        bus.wait_for_unit("nats.service")
        are_well()

    with subtest("who is on one node hears who is on another"):
        for name in NODES:
            told(client, name, "both_ways")
        alice, bob = (post(client, "node1", "/signup", who, 201) for who in (ALICE, BOB))
        tokens = {who["id"]: post(client, "node2", "/login", of, 200)["token"] for who, of in ((alice, ALICE), (bob, BOB))}
        client.succeed(f"talk ws://node3:8080 {tokens[alice['id']]} say {bob['id']} 'over three nodes'")
        assert client.succeed(f"talk ws://node1:8080 {tokens[bob['id']]} hear").strip() == "over three nodes"

    with subtest("the bus is used"):
        for node in NODES.values():
            node.succeed("journalctl -u messenger-chat.service | grep -i nats")
        assert int(bus.succeed("ss -Htn state established 'sport = :4222' | wc -l")) >= len(NODES)

    with subtest("people write over all nodes"):
        traffic = f"$(command -v traffic) /tmp/traffic http://node1:3000 {URLS}"
        client.succeed(f"systemd-run --unit=traffic /bin/sh -c \"{traffic} > /tmp/out 2>&1; echo \\$? > /tmp/status\"")
        client.wait_for_file("/tmp/traffic/sent", timeout=300)
        goes_on()

    with subtest("a node is killed"):
        node1.succeed("kill -9 $(systemctl show messenger-chat -P MainPID)")
        goes_on()

    with subtest("a node loses its power"):
        node1.crash()
        goes_on()
        node1.start()
        are_well()

    with subtest("a node is cut off"):
        node2.block()
        goes_on()
        node2.unblock()
        are_well()
        goes_on()

    with subtest("the bus loses its power"):
        bus.crash()
        goes_on()
        bus.start()
        bus.wait_for_unit("nats.service")
        goes_on()

    with subtest("the database is restarted"):
        database.succeed("systemctl restart postgresql.service")
        goes_on()

    with subtest("the database is cut off"):
        database.block()
        database.unblock()
        goes_on()

    with subtest("the database loses its power"):
        database.crash()
        database.start()
        database.wait_for_unit("postgresql.target")
        are_well()
        goes_on()

    with subtest("nothing is lost, and nothing is there twice"):
        client.succeed("touch /tmp/traffic/stop")
        client.wait_for_file("/tmp/status", timeout=600)
        client.log(client.succeed("cat /tmp/out"))
        assert client.succeed("cat /tmp/status").strip() == "0"
  '';
}
