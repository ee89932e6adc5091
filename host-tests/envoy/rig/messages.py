"""Binary event streams (`application/vnd.amazon.eventstream`), read and written apart from the filter."""

import base64
import json
import struct
import zlib

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def is_stream(body):
    """True for a body of messages: none is 16 MiB long, so the first byte of a length is zero."""
    return body[:1] == b"\0"


def split(body):
    """Cuts a stream after each message; what is no message is left as it is."""
    found, at = [], 0
    while at < len(body):
        length = struct.unpack_from(">I", body, at)[0] if len(body) - at >= 12 else 0
        end = at + length if length >= 16 else len(body)
        found.append(body[at:end])
        at = end
    return found


def read(body):
    """`(headers, payload)` of every message; raises where a checksum is wrong or a message is cut off."""
    found = []
    for raw in split(body):
        total, headers_length, prelude_sum = struct.unpack_from(">III", raw)
        assert total == len(raw), "a message is cut off"
        assert zlib.crc32(raw[:8]) == prelude_sum, "checksum of the prelude"
        assert zlib.crc32(raw[:-4]) == struct.unpack(">I", raw[-4:])[0], "checksum"
        headers, at = {}, 12
        while at < 12 + headers_length:
            name = raw[at + 1:at + 1 + raw[at]].decode()
            at += 1 + raw[at]
            assert raw[at] == 7, "a string"
            length = struct.unpack_from(">H", raw, at + 1)[0]
            headers[name] = raw[at + 3:at + 3 + length].decode()
            at += 3 + length
        found.append((headers, raw[12 + headers_length:-4]))
    return found


def documents(body):
    """What stands in the messages: their JSON, or the model's own event where that is wrapped."""
    found = []
    for headers, payload in read(body):
        document = json.loads(payload)
        if headers.get(":event-type") == "chunk":
            document = json.loads(base64.b64decode(document["bytes"], validate=True))
        found.append(document)
    return found


def message(kind, document, message_type="event"):
    """One message."""
    name = ":event-type" if message_type == "event" else ":exception-type"
    headers = b""
    for key, value in ((name, kind), (":content-type", "application/json"), (":message-type", message_type)):
        headers += struct.pack(">B", len(key)) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps(document, ensure_ascii=False).encode()
    raw = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    raw += struct.pack(">I", zlib.crc32(raw)) + headers + payload
    return raw + struct.pack(">I", zlib.crc32(raw))


def chunk(event):
    """A model's own event in a message."""
    return message("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abcd"})
