"""Teaches schemathesis the media type of uploads (tus): bytes as they are."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def octets(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()
