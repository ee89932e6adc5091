"""Small answers for tests that say what upstream sends."""

import json

SSE = "text/event-stream"
DONE = b"data: [DONE]\n\n"


def chat(text):
    """A whole OpenAI chat answer with this text."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "served-model",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }).encode()


def delta(text):
    """One event of an OpenAI chat stream with this text."""
    return b"data: " + json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "served-model",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }).encode() + b"\n\n"
