"""Uploads a file by tuspy, breaks off after the first chunk, waits for a line, goes on, and fetches the file."""

import io
import json
import os
import sys
import urllib.request

from tusclient import client

url = sys.argv[1]
CHUNK = 5 * 1024 * 1024


def ask(path, body=None, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers)) as answer:
        return answer.read()


email = f"tuspy.{os.urandom(8).hex()}@example.com"
ask("/signup", {"email": email, "name": "Tuspy", "password": "secret"})
token = json.loads(ask("/login", {"email": email, "password": "secret"}))["token"]
tus = client.TusClient(url + "/files", headers={"Authorization": f"Bearer {token}"})
content = os.urandom(3 * CHUNK + 12345)
metadata = {"filename": "größe.bin", "filetype": "application/octet-stream"}
uploader = tus.uploader(file_stream=io.BytesIO(content), chunk_size=CHUNK, metadata=metadata)
uploader.upload_chunk()
assert uploader.offset == CHUNK, uploader.offset
print("broken off", flush=True)
sys.stdin.readline()
resumed = tus.uploader(file_stream=io.BytesIO(content), chunk_size=CHUNK, url=uploader.url)
assert resumed.offset == CHUNK, resumed.offset
resumed.upload()
fetched = ask("/files/" + resumed.url.rsplit("/", 1)[1], token=token)
assert fetched == content, (len(fetched), len(content))
part = urllib.request.Request(resumed.url, headers={"Authorization": f"Bearer {token}", "Range": "bytes=4194300-4194309"})
with urllib.request.urlopen(part) as answer:
    assert answer.status == 206 and answer.read() == content[4194300:4194310]
print(f"{len(content)} bytes came, and came back")
