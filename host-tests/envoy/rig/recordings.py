"""The recorded exchanges that the replay upstream serves: testdata/recorded, or `$HEMOSTAT_RECORDINGS`."""

import dataclasses
import functools
import json
import os
import pathlib

from . import messages

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Dialects whose every recording is replayed, and whose answers `texts` reads.
DIALECTS = ("openai-chat", "openai-responses", "anthropic", "gemini", "bedrock")
# Dialects with few recordings, for tests that name them.
MORE = ("gemini-interactions",)


@dataclasses.dataclass(frozen=True)
class Recording:
    """One exchange with a provider, bytes as recorded."""

    dialect: str
    name: str
    method: str
    path: str  # with its query
    status: int
    stream: bool
    framing: str  # sse-lf, sse-crlf, json, json-array, eventstream
    content_type: str
    request: bytes | None  # None where the source kept none
    body: bytes

    @property
    def id(self):
        """What `x-replay` takes."""
        return f"{self.dialect}/{self.name}"

    @property
    def request_body(self):
        """The recorded request, or the least one that asks for such an answer."""
        return self.request if self.request is not None else minimal_request(self.dialect, self.stream)


@functools.cache
def _rows():
    """The rows of testdata/dialects.json by name, without the variants."""
    rows = json.loads((ROOT / "testdata" / "dialects.json").read_text())
    return {row["name"]: row for row in rows if not row.get("variant")}


def minimal_request(dialect, stream, text="Hello"):
    """A small request body of a dialect."""
    def filled(value):
        if isinstance(value, dict):
            return {key: filled(member) for key, member in value.items()}
        if isinstance(value, list):
            return [filled(member) for member in value]
        return text if value == "@" else value

    body = filled(_rows()[dialect]["request"])
    if "stream" in body:  # the others say it in their path
        body["stream"] = stream
    return json.dumps(body).encode()


def minimal_path(dialect, stream):
    """The path that a request of a dialect goes to."""
    return _rows()[dialect]["paths"][stream]


def _read(meta_path):
    meta = json.loads(meta_path.read_text())
    stem = str(meta_path).removesuffix(".meta.json")
    ends = (".response.sse", ".response.eventstream", ".response.json")
    body = next((pathlib.Path(stem + end) for end in ends if pathlib.Path(stem + end).exists()), None)
    if body is None:
        return None
    request = pathlib.Path(stem + ".request.json")
    query = meta.get("query") or ""
    headers = {key.lower(): value for key, value in (meta.get("response_headers") or {}).items()}
    default = {".sse": "text/event-stream", ".eventstream": messages.CONTENT_TYPE}.get(body.suffix, "application/json")
    given = headers.get("content-type", default)
    return Recording(
        dialect=meta["dialect"],
        name=meta["name"],
        method=meta["method"].upper(),  # some sources keep it in lower case
        path=meta["path"] + (f"?{query}" if query else ""),
        status=int(meta["status"]),
        stream=bool(meta["stream"]),
        framing=meta["framing"],
        content_type=given if "/" in given else default,  # some sources put another word there
        request=request.read_bytes() if request.exists() else None,
        body=body.read_bytes(),
    )


@functools.cache
def recordings_of(dialect):
    """Every recording of a dialect, in a fixed order."""
    folder = pathlib.Path(os.environ.get("HEMOSTAT_RECORDINGS", ROOT / "testdata" / "recorded"))
    found = [_read(path) for path in sorted((folder / dialect).glob("*.meta.json"))]
    return tuple(recording for recording in found if recording)


@functools.cache
def all_recordings():
    """Every recording of the dialects, in a fixed order."""
    return tuple(recording for dialect in DIALECTS for recording in recordings_of(dialect))


def answers(stream=None, dialect=None):
    """Recordings of answers (status 200) of one kind."""
    found = recordings_of(dialect) if dialect else all_recordings()
    return [r for r in found if r.status == 200 and (stream is None or r.stream == stream)]
