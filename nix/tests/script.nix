# Functions that the scripts of several tests use. Python, to be put before them.
''
  import json


  def told(machine: "BaseMachine", host: str, *stories: str) -> None:
      """Acceptance stories, told from this machine to that one."""
      urls = f"--chat ws://{host}:8080 --auth http://{host}:3000"
      machine.log(machine.succeed(f"acceptance --at-once 1 {urls} {' '.join(stories)}"))


  def post(machine: "BaseMachine", host: str, path: str, body: dict[str, str], status: int) -> dict:
      """The answer to a request that must have this status."""
      command = f"curl -sS -w '\n%{{http_code}}' http://{host}:3000{path} -d '{json.dumps(body)}'"
      answer, got = machine.succeed(command).rsplit("\n", 1)
      assert int(got) == status, f"{path}: {got} {answer}"
      return dict(json.loads(answer))


  def well(machine: "BaseMachine", host: str) -> None:
      for port in (8080, 3000):
          machine.wait_until_succeeds(f"curl -sf --max-time 10 http://{host}:{port}/healthz", timeout=300)


  ALICE = {"email": "alice@example.com", "name": "Alice", "password": "secret"}
  BOB = {"email": "bob@example.com", "name": "Bob", "password": "secret too"}
''
