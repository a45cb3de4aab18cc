"""People who write to each other all the while, each over any of several nodes, for tests in which machines die.

traffic FOLDER AUTH CHAT...   AUTH is an http:// address, each CHAT a ws:// one

It goes on until FOLDER/stop exists. FOLDER/sent holds how many messages each person has sent. Then every log is read on
every node: each answered message must be in both logs once, no log may have a hole, and all nodes must have the same.
"""
import itertools
import json
import random
import sys
import threading
import time
import urllib.request
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

PEOPLE = 6
# Seconds: for an answer, before the same is sent again on another node.
ANSWER_WITHIN = 10
PAUSE = 0.1
PATIENCE = 120
ACKNOWLEDGED_EVERY = 7


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def event(frame):
    """What an event is, the same for whoever reads it: an own message is heard as its answer or as a message."""
    if frame["type"] in ("sent", "message"):
        return f"message {frame['id']}"
    return f"{frame['type']} {frame.get('id')} by {frame.get('by')}"


class Unavailable(Exception):
    """To be tried again, perhaps elsewhere."""


class Person:
    def __init__(self, auth, number):
        about = {"email": f"person{number}-{random.randrange(10**9)}@example.com", "name": f"Person {number}", "password": "secret"}
        self.id = post(f"{auth}/signup", about)["id"]
        self.token = post(f"{auth}/login", about)["token"]
        self.socket = None
        # Events in the order in which they were heard, and messages that were answered: whom each was for.
        self.heard, self.sent, self.faults = [], {}, []

    def connect(self, node, since):
        # Not in a `with`: it outlives this function, and whoever uses it closes it.
        socket = connect(node, open_timeout=ANSWER_WITHIN, close_timeout=1, max_size=None).__enter__()
        socket.send(json.dumps({"type": "hello", "token": self.token, "since": since}))
        welcome = json.loads(socket.recv(timeout=ANSWER_WITHIN))
        if welcome["type"] == "welcome":
            return socket, welcome
        socket.close()
        raise Unavailable(welcome)

    def next(self):
        frame = json.loads(self.socket.recv(timeout=ANSWER_WITHIN))
        seq, expected = frame.get("seq"), len(self.heard) + 1
        if seq == expected:
            self.heard.append(event(frame))
            if seq % ACKNOWLEDGED_EVERY == 0:
                self.socket.send(json.dumps({"type": "received", "seq": seq}))
        # The answer to a repeated `ref` is the first one, whose place was earlier.
        elif seq is not None and (frame["type"] != "sent" or seq > expected):
            self.faults.append(f"{expected} is expected, and this comes: {frame}")
        return frame

    def say(self, to, reference):
        self.socket.send(json.dumps({"to": to, "content": reference, "ref": reference}))
        while True:
            frame = self.next()
            if frame.get("ref") != reference:
                continue
            if frame["type"] == "sent":
                self.sent[frame["id"]] = to
                return
            if frame.get("code") != "unavailable":
                self.faults.append(f"the answer to {reference} is {frame}")
            raise Unavailable(frame)

    def run(self, nodes, others, is_over):
        for number in itertools.count(1):
            if is_over() or len(self.faults) > 9:
                return
            # The same again until it is answered, wherever.
            while True:
                try:
                    if self.socket is None:
                        self.socket, _ = self.connect(random.choice(nodes), len(self.heard))
                    self.say(others[number % len(others)], f"{self.id}-{number}")
                    break
                except (Unavailable, WebSocketException, OSError, EOFError):
                    if self.socket is not None:
                        self.socket.close()
                        self.socket = None
                    time.sleep(PAUSE)

    def log_at(self, node):
        socket, welcome = self.connect(node, 0)
        log = []
        while len(log) < welcome["head"]:
            frame = json.loads(socket.recv(timeout=ANSWER_WITHIN))
            if frame.get("seq") == len(log) + 1:
                log.append(event(frame))
            elif frame.get("seq") is not None:
                raise AssertionError(f"after {len(log)} events comes {frame}")
        socket.close()
        return log


def log_on_all(person, nodes):
    """Receipts that nobody waits for may still be on their way."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            first, *others = [person.log_at(node) for node in nodes]
            if all(other == first for other in others):
                return first
            problem = "the nodes have different logs"
        except (Unavailable, WebSocketException, OSError, EOFError) as error:
            problem = repr(error)
        if time.monotonic() > end:
            raise AssertionError(f"{person.id}: {problem}")
        time.sleep(PAUSE)


def compare(people, nodes):
    logs = {person.id: log_on_all(person, nodes) for person in people}
    for person in people:
        assert not person.faults, person.faults
        log = logs[person.id]
        assert log[:len(person.heard)] == person.heard, f"{person.id} has heard something else"
        for message, to in person.sent.items():
            for account in (person.id, to):
                times = logs[account].count(f"message {message}")
                assert times == 1, f"message {message} is {times} times in the log of {account}"
    answered = sum(len(person.sent) for person in people)
    stored = sum(one.startswith("message") for log in logs.values() for one in log)
    assert stored == 2 * answered, f"{answered} messages were answered, and {stored} are in logs"
    print(f"{answered} messages, each once in both logs; every log the same on {len(nodes)} nodes")


def main(folder, auth, *nodes):
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    people = [Person(auth, number) for number in range(PEOPLE)]
    is_over = (folder / "stop").exists
    threads = []
    for person in people:
        others = [other.id for other in people if other is not person]
        threads.append(threading.Thread(target=person.run, args=(nodes, others, is_over)))
        threads[-1].start()
    while any(thread.is_alive() for thread in threads):
        (folder / "next").write_text(" ".join(str(len(person.sent)) for person in people))
        (folder / "next").rename(folder / "sent")
        time.sleep(PAUSE)
    compare(people, nodes)


main(*sys.argv[1:])
