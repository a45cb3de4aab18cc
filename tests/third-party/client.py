"""Signs up, logs in and asks who it is, with a client that openapi-python-client has generated: client.py URL."""

import sys

from messenger_client import AuthenticatedClient, Client
from messenger_client.api.account import show_me, signup
from messenger_client.api.session import login, logout
from messenger_client.models import Account, Error, LoginBody, LoginResponse200, SignupBody, SignupResponse201

url = sys.argv[1]
anonymous = Client(base_url=url)
email, password = "generated@example.com", "correct horse"

made = signup.sync(client=anonymous, body=SignupBody(email=email, name="Generated", password=password))
assert isinstance(made, SignupResponse201), made
again = signup.sync(client=anonymous, body=SignupBody(email=email, name="Generated", password=password))
assert isinstance(again, Error), again
refused = login.sync(client=anonymous, body=LoginBody(email=email, password="something else"))
assert isinstance(refused, Error), refused
session = login.sync(client=anonymous, body=LoginBody(email=email, password=password, device="a script"))
assert isinstance(session, LoginResponse200) and session.id == made.id, session

known = AuthenticatedClient(base_url=url, token=session.token)
me = show_me.sync(client=known)
assert isinstance(me, Account) and (me.id, me.email, me.name) == (made.id, email, "Generated"), me
assert logout.sync_detailed(client=known).status_code == 204
assert isinstance(show_me.sync(client=known), Error)
print("signed up, logged in, asked, logged out")
