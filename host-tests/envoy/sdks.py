"""The official Python SDKs, each way of asking as one function: `(base_url, headers, http2) -> {text, ends}`.

They raise what the SDK raises.
"""

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types
from google.genai._gaos.lib import compat_errors

MODEL = "test-model"
MESSAGES = [{"role": "user", "content": "Hello"}]


def _http(http2):
    # Without TLS there is nothing to agree on a protocol with: HTTP/2 is spoken from the first byte.
    # `verify` would read the machine's certificates each time, for nothing.
    return httpx2.Client(http1=not http2, http2=http2, timeout=60, verify=False)


def _openai(base_url, headers, http2):
    return openai.OpenAI(base_url=f"{base_url}/v1", api_key="test", max_retries=0, default_headers=headers,
                         http_client=_http(http2))


def _anthropic(base_url, headers, http2):
    return anthropic.Anthropic(base_url=base_url, api_key="test", max_retries=0, default_headers=headers,
                               http_client=_http(http2))


def _genai(base_url, headers, http2):
    return genai.Client(api_key="test", http_options=types.HttpOptions(
        base_url=base_url, headers=headers, httpx_client=_http(http2)))


def chat_create(*where):
    answer = _openai(*where).chat.completions.create(model=MODEL, messages=MESSAGES)
    choice = answer.choices[0]
    return {"text": choice.message.content or choice.message.refusal or "", "ends": [choice.finish_reason]}


def _collected(parts):
    text, ends = "", []
    for piece, end in parts:
        text += piece or ""
        ends += [end] if end else []
    return {"text": text, "ends": ends}


def chat_parts(*where):
    """Pieces of text and ends, as they come."""
    for chunk in _openai(*where).chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
        for choice in chunk.choices:
            yield choice.delta.content or choice.delta.refusal, choice.finish_reason


def chat_stream(*where):
    return _collected(chat_parts(*where))


def chat_helper(*where):
    with _openai(*where).chat.completions.stream(model=MODEL, messages=MESSAGES) as stream:
        choice = stream.get_final_completion().choices[0]
    return {"text": choice.message.content or choice.message.refusal or "", "ends": [choice.finish_reason]}


def _response(answer):
    parts = [part for item in answer.output if item.type == "message" for part in item.content]
    text = "".join(part.text if part.type == "output_text" else part.refusal for part in parts)
    return {"text": text, "ends": [answer.status]}


def responses_create(*where):
    return _response(_openai(*where).responses.create(model=MODEL, input="Hello"))


def responses_parts(*where):
    """Pieces of text and ends, as they come."""
    for event in _openai(*where).responses.create(model=MODEL, input="Hello", stream=True):
        if event.type in ("response.output_text.delta", "response.refusal.delta"):
            yield event.delta, None
        if event.type in ("response.completed", "response.incomplete", "response.failed"):
            yield None, event.response.status


def responses_stream(*where):
    return _collected(responses_parts(*where))


def responses_helper(*where):
    with _openai(*where).responses.stream(model=MODEL, input="Hello") as stream:
        return _response(stream.get_final_response())


def _message(answer):
    text = "".join(block.text for block in answer.content if block.type == "text")
    return {"text": text, "ends": [answer.stop_reason]}


def messages_create(*where):
    return _message(_anthropic(*where).messages.create(model=MODEL, max_tokens=256, messages=MESSAGES))


def messages_parts(*where):
    """Pieces of text and ends, as they come."""
    for event in _anthropic(*where).messages.create(model=MODEL, max_tokens=256, messages=MESSAGES, stream=True):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield event.delta.text, None
        if event.type == "message_delta" and event.delta.stop_reason:
            yield None, event.delta.stop_reason


def messages_stream(*where):
    return _collected(messages_parts(*where))


def messages_helper(*where):
    with _anthropic(*where).messages.stream(model=MODEL, max_tokens=256, messages=MESSAGES) as stream:
        return _message(stream.get_final_message())


def _candidates(answers):
    for answer in answers:
        for candidate in answer.candidates or []:
            parts = (candidate.content and candidate.content.parts) or []
            text = "".join(part.text or "" for part in parts if not part.thought)
            yield text, candidate.finish_reason.value if candidate.finish_reason else None


def gemini_create(*where):
    return _collected(_candidates([_genai(*where).models.generate_content(model=MODEL, contents="Hello")]))


def gemini_parts(*where):
    """Pieces of text and ends, as they come."""
    return _candidates(_genai(*where).models.generate_content_stream(model=MODEL, contents="Hello"))


def gemini_stream(*where):
    return _collected(gemini_parts(*where))


def interactions_create(*where):
    answer = _genai(*where).interactions.create(model=MODEL, input="Hello")
    parts = [part for step in answer.steps or [] if step.type == "model_output" for part in step.content or []]
    return {"text": "".join(part.text for part in parts if part.type == "text"), "ends": [answer.status]}


def interactions_parts(*where):
    """Pieces of text and ends, as they come."""
    for event in _genai(*where).interactions.create(model=MODEL, input="Hello", stream=True):
        if event.event_type == "step.start" and event.step.type == "model_output":
            for part in event.step.content or []:
                yield part.text, None
        if event.event_type == "step.delta" and event.delta.type == "text":
            yield event.delta.text, None
        if event.event_type == "interaction.completed":
            yield None, event.interaction.status


def interactions_stream(*where):
    return _collected(interactions_parts(*where))


# way: (function, dialect, streamed)
WAYS = {
    "openai chat create": (chat_create, "openai-chat", False),
    "openai chat stream=True": (chat_stream, "openai-chat", True),
    "openai chat .stream()": (chat_helper, "openai-chat", True),
    "openai responses create": (responses_create, "openai-responses", False),
    "openai responses stream=True": (responses_stream, "openai-responses", True),
    "openai responses .stream()": (responses_helper, "openai-responses", True),
    "anthropic create": (messages_create, "anthropic", False),
    "anthropic stream=True": (messages_stream, "anthropic", True),
    "anthropic .stream()": (messages_helper, "anthropic", True),
    "genai generate_content": (gemini_create, "gemini", False),
    "genai generate_content_stream": (gemini_stream, "gemini", True),
    "genai interactions.create": (interactions_create, "gemini-interactions", False),
    "genai interactions.create stream=True": (interactions_stream, "gemini-interactions", True),
}


# dialect: a stream as an SDK gives it, piece by piece
PARTS = {
    "openai-chat": chat_parts,
    "openai-responses": responses_parts,
    "anthropic": messages_parts,
    "gemini": gemini_parts,
    "gemini-interactions": interactions_parts,
}

# Interactions raise errors of their own.
API_ERRORS = (openai.APIStatusError, anthropic.APIStatusError, genai.errors.APIError, compat_errors.APIStatusError)


def status_of(error):
    """The HTTP status that an SDK's error stands for."""
    return error.code if isinstance(error, genai.errors.APIError) else error.status_code
