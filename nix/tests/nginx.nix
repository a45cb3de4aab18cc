# Both servers behind nginx, under one name: only nginx is let in, and it is believed about who its clients are.
{ self, machines }:
machines {
  name = "messenger-nginx";
  globalTimeout = 3600;

  machines.server = {
    imports = [ self.nixosModules.default ];
    services.messenger = {
      enable = true;
      openFirewall = true;
      nginx = {
        enable = true;
        hostName = "server";
      };
      settings.CHAT_MESSAGE_RATE = 0;
    };
  };

  machines.client = import ./clients.nix { inherit self; };

  testScript = ''
    start_all()

    with subtest("both come up behind one name"):
        server.wait_for_unit("messenger.service")
        server.wait_for_unit("nginx.service")
        client.wait_until_succeeds("curl -sf --max-time 10 http://server/healthz", timeout=300)
        client.succeed("curl -sf http://server/schema.json | grep -c schema")

    with subtest("two people chat"):
        urls = "--chat ws://server:80/ws --auth http://server:80"
        client.log(client.succeed(f"acceptance --at-once 1 {urls} login alive both_ways offline_in_order"))

    with subtest("limits are each client's own, whatever it claims to be"):
        signup = """curl -s -o /dev/null -w '%{http_code}' -d '{"email":"'$RANDOM$RANDOM'@example.com","name":"X","password":"secret"}' """
        again = f"{signup} --ipv4 http://server/signup"
        client.succeed(f"for i in $(seq 40); do test $({again}) = 429 && exit 0; done; exit 1")
        forged = [client.succeed(f"{again} -H 'X-Forwarded-For: 203.0.113.{n}'") for n in range(5)]
        assert "429" in forged, forged
        # Not by the server's name: over IPv6 that is the client's own network, and a network counts as one.
        other = server.succeed(f"{signup} http://localhost/signup")
        assert other == "201", other

    with subtest("there is no other way in"):
        for port in (3000, 8080):
            client.fail(f"curl -s --connect-timeout 5 http://server:{port}/healthz")
  '';
}
