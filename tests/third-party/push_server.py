"""A push service and a browser for the tests: decrypts by http_ece what is sent, and checks who has sent it by cryptography.

    push_server.py [--tls CERTIFICATE KEY]

Prints its port and the keys of a subscription, then each request as a line of JSON. The answer to a request is the status
that its path begins with, such as /201/anything; /302/… leads to /201/redirected.
"""

import argparse
import base64
import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import http_ece
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

arguments = argparse.ArgumentParser()
arguments.add_argument("--tls", nargs=2)
options = arguments.parse_args()

KEY = ec.generate_private_key(ec.SECP256R1())
SECRET = os.urandom(16)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


lock = threading.Lock()


def say(**what):
    with lock:
        print(json.dumps(what), flush=True)


def claims(authorization):
    """What a signature (RFC 8292) says, and the key that it is by; an error if it is not good."""
    parts = dict(part.strip().split("=", 1) for part in authorization.removeprefix("vapid ").split(","))
    signed, signature = parts["t"].rsplit(".", 1)
    signature = decode(signature)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(parts["k"]))
    two = [int.from_bytes(half, "big") for half in (signature[:32], signature[32:])]
    public.verify(encode_dss_signature(*two), signed.encode(), ec.ECDSA(hashes.SHA256()))
    header, body = (json.loads(decode(part)) for part in signed.split("."))
    assert header["alg"] == "ES256", header
    return {"key": parts["k"], **body}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = {"at": time.time(), "path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}
        try:
            assert self.headers["Content-Encoding"] == "aes128gcm"
            said["text"] = http_ece.decrypt(body, private_key=KEY, auth_secret=SECRET).decode()
            said["claims"] = claims(self.headers["Authorization"])
        except Exception as error:
            said["wrong"] = repr(error)
        say(**said)
        status = int(self.path.split("/")[1])
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/201/redirected")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if options.tls:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*options.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
point = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
say(port=server.server_address[1], p256dh=encode(point), auth=encode(SECRET))
# Until whoever started it ends.
sys.stdin.read()
