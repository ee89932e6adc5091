"""Tells another text in the shape of a recorded OpenAI stream: the events are the recording's, only the text is not."""

import json

from . import recordings
from .replay import Answer, sse_events

MIDDLE_LENGTH = 20_000  # bytes: some sixty events, a few seconds at the pace of a model


def template():
    """A recorded plain stream of middle length: one choice, text only, as the provider sent it."""
    plain = [recording for recording in recordings.answers(stream=True, dialect="openai-chat")
             if b"tool_calls" not in recording.body and recording.body.endswith(b"data: [DONE]\n\n")
             and recording.body.count(b'"content":"') > 20 and recording.framing == "sse-lf"]
    return min(plain, key=lambda recording: abs(len(recording.body) - MIDDLE_LENGTH))


def retell(pieces):
    """The answer whose text deltas are these pieces: the events before the first text and after the last stay, and the
    first text event is the mould of all others."""
    events = sse_events(template().body)
    spoken = [at for at, event in enumerate(events) if _text(event)]
    mould = json.loads(events[spoken[0]].removeprefix(b"data: "))
    told = []
    for piece in pieces:
        mould["choices"][0]["delta"]["content"] = piece
        told.append(b"data: " + json.dumps(mould, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n")
    body = b"".join(events[:spoken[0]] + told + events[spoken[-1] + 1:])
    return Answer(body, content_type="text/event-stream; charset=utf-8")


def tokens(text, size=4):
    """Cuts a text as a model's tokens do: small pieces that know nothing of words."""
    return [text[at:at + size] for at in range(0, len(text), size)]


def _text(event):
    data = event.removeprefix(b"data: ").strip()
    if not data.startswith(b"{"):
        return None
    choices = json.loads(data).get("choices") or [{}]
    return (choices[0].get("delta") or {}).get("content")
