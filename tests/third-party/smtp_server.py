"""A mail server for the tests (aiosmtpd): prints its port, then each mail that it takes as a line of JSON.

    smtp_server.py [--tls CERTIFICATE KEY] [--login USER PASSWORD] [--refuse FILE]

While FILE is there, each recipient is refused with the answer in it, such as "451 later".
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult

arguments = argparse.ArgumentParser()
arguments.add_argument("--tls", nargs=2)
arguments.add_argument("--login", nargs=2)
arguments.add_argument("--refuse", type=Path)
options = arguments.parse_args()


def say(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if options.refuse and options.refuse.exists():
            say(refused=address)
            return options.refuse.read_text().strip()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        raw = envelope.content.decode("utf-8", "replace")
        mail = email.message_from_string(raw, policy=email.policy.default)
        headers = [[name, str(value)] for name, value in mail.items()]
        say(sender=envelope.mail_from, to=envelope.rcpt_tos, headers=headers, text=mail.get_content(), raw=raw)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    is_right = [data.login.decode(), data.password.decode()] == options.login
    # Not handled: the library answers 535.
    return AuthResult(success=is_right, handled=is_right)


def protocol():
    login = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    return SMTP(Handler(), enable_SMTPUTF8=True, **(login if options.login else {}))


async def main():
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context)
    say(port=server.sockets[0].getsockname()[1])
    # Until whoever started it ends.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
