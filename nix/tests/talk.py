"""Says or hears one thing, for tests where a server restarts between the two.

talk URL TOKEN say TO TEXT   waits until the message is stored
talk URL TOKEN hear          everything that was never acknowledged, oldest first, one text a line
"""
import json
import sys

from websockets.sync.client import connect

PATIENCE = 60


def heard(socket, last):
    """Frames up to the answer to `last`."""
    while True:
        frame = json.loads(socket.recv(timeout=PATIENCE))
        yield frame
        if frame.get("ref") == last:
            return
        if frame["type"] == "error":
            sys.exit(f"refused: {frame}")


def main(url, token, what, *rest):
    with connect(url, open_timeout=PATIENCE) as socket:
        socket.send(json.dumps({"type": "hello", "token": token}))
        welcome = json.loads(socket.recv(timeout=PATIENCE))
        if welcome["type"] != "welcome":
            sys.exit(f"not welcome: {welcome}")
        if what == "say":
            to, text = rest
            socket.send(json.dumps({"to": int(to), "content": text, "ref": text}))
            answer = list(heard(socket, text))[-1]
            if answer["type"] != "sent":
                sys.exit(f"not sent: {answer}")
        else:
            # What waits is sent before any answer.
            socket.send(json.dumps({"type": "ping", "ref": "end"}))
            for frame in heard(socket, "end"):
                if frame["type"] == "message":
                    print(frame["content"])


main(*sys.argv[1:])
