"""Reads answers as a client does: the running texts, the tool calls and the endings of each dialect.

Written apart from the filter, from the providers' formats, so that the tests do not ask the filter about itself.
"""

import dataclasses
import json

from . import messages
from .replay import sse_events


@dataclasses.dataclass
class Read:
    """What a client has after an answer.

    `texts`: every running text, by a key of its own (choice, content block, kind). `repeats`: texts that a dialect
    sends again (`response.output_text.done` and so on), by the key of the text they repeat and the place. `calls`: tool
    calls as `[name, arguments]`, arguments as the text or the object that came. `ends`: finish or stop reasons.
    """

    texts: dict = dataclasses.field(default_factory=dict)
    repeats: dict = dataclasses.field(default_factory=dict)
    calls: dict = dataclasses.field(default_factory=dict)
    ends: list = dataclasses.field(default_factory=list)
    types: list = dataclasses.field(default_factory=list)  # event types, in order

    def add(self, key, text):
        """Appends to a running text."""
        if isinstance(text, str) and text:
            self.texts[key] = self.texts.get(key, "") + text

    def repeat(self, key, place, text):
        """Notes a repetition of a running text."""
        if isinstance(text, str) and text:
            self.repeats[(*key, place)] = text

    def call(self, key, name=None, arguments=None):
        """Appends to a tool call."""
        entry = self.calls.setdefault(key, ["", ""])
        if name:
            entry[0] += name
        if isinstance(arguments, str):
            entry[1] += arguments
        elif arguments is not None:
            entry[1] = arguments

    @property
    def text(self):
        """The answer proper: all texts that are not reasoning, joined."""
        return "".join(text for key, text in self.texts.items() if key[-1] != "reasoning")


def events(body):
    """The `(event, data)` pairs of an event stream; comments and empty events are left out."""
    found = []
    for raw in sse_events(body):
        lines = raw.replace(b"\r\n", b"\n").split(b"\n")
        name = next((line[6:].strip().decode() for line in lines if line.startswith(b"event:")), None)
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        if data and any(data):
            found.append((name, b"\n".join(data)))
    return found


def documents(body):
    """Every JSON document of an answer: the events' data, the elements of an array, or the one object."""
    if messages.is_stream(body):
        return messages.documents(body)
    if body.lstrip()[:1] in (b"{", b"["):
        whole = json.loads(body)
        return whole if isinstance(whole, list) else [whole]
    return [json.loads(data) for _, data in events(body) if data != b"[DONE]"]


def read(dialect, body):
    """Reads a whole answer, streamed or not."""
    out = Read()
    streamed = body.lstrip()[:1] not in (b"{", b"[")
    for document in documents(body):
        READERS[dialect](out, document, streamed)
    return out


def _openai_chat(out, doc, streamed):
    for choice in doc.get("choices") or []:
        at = choice.get("index", 0)
        message = (choice.get("delta") if streamed else choice.get("message")) or {}
        for field, kind in (("content", "text"), ("refusal", "refusal"), ("reasoning_content", "reasoning"),
                            ("reasoning", "reasoning")):
            out.add((at, field, kind), message.get(field))
        for position, call in enumerate(message.get("tool_calls") or []):
            function = call.get("function") or call.get("custom") or {}
            out.call((at, call.get("index", position)), function.get("name"),
                     function.get("arguments", function.get("input")))
        if choice.get("finish_reason"):
            out.ends.append(choice["finish_reason"])


def _responses_item(out, item, index, add):
    for part_index, part in enumerate(item.get("content") or []):
        kind = "reasoning" if item["type"] == "reasoning" else "text"
        add((index, part_index, kind), part.get("text", part.get("refusal")))
    for part_index, part in enumerate(item.get("summary") or []):
        add((index, part_index, "summary", "reasoning"), part.get("text"))


def _openai_responses(out, doc, streamed):
    if not streamed:
        for index, item in enumerate(doc.get("output") or []):
            _responses_item(out, item, index, out.add)
            if item["type"] in ("function_call", "custom_tool_call"):
                out.call(index, item["name"], item.get("arguments", item.get("input")))
        out.ends.append(doc.get("status"))
        return
    kind = doc.get("type", "")
    out.types.append(kind)
    at = doc.get("output_index", 0)
    key = (at, doc.get("content_index", 0), "text")
    summary = (at, doc.get("summary_index", 0), "summary", "reasoning")
    reasoning = (at, doc.get("content_index", 0), "reasoning")
    running = {"response.output_text": key, "response.refusal": key, "response.reasoning_text": reasoning,
               "response.reasoning_summary_text": summary}
    stem, _, verb = kind.rpartition(".")
    if stem in running and verb == "delta":
        out.add(running[stem], doc["delta"])
    elif stem in running and verb == "done":
        out.repeat(running[stem], kind, doc.get("text", doc.get("refusal")))
    elif kind == "response.content_part.done":
        out.repeat(key, kind, doc["part"].get("text", doc["part"].get("refusal")))
    elif kind == "response.reasoning_summary_part.done":
        out.repeat(summary, kind, doc["part"].get("text"))
    elif kind == "response.output_item.done":
        item = doc["item"]
        _responses_item(out, item, at, lambda k, text: out.repeat(k, kind, text))
        if item["type"] in ("function_call", "custom_tool_call"):
            out.call(at, item["name"], item.get("arguments", item.get("input")))
    elif kind in ("response.completed", "response.incomplete", "response.failed"):
        for index, item in enumerate(doc["response"].get("output") or []):
            _responses_item(out, item, index, lambda k, text: out.repeat(k, kind, text))
        out.ends.append(verb)


def _anthropic(out, doc, streamed):
    if not streamed:
        for index, block in enumerate(doc.get("content") or []):
            out.add((index, "text"), block.get("text"))
            out.add((index, "reasoning"), block.get("thinking"))
            if block.get("type") in ("tool_use", "server_tool_use"):
                out.call(index, block.get("name"), block.get("input"))
        out.ends.append(doc.get("stop_reason"))
        return
    kind, index = doc.get("type"), doc.get("index")
    out.types.append(kind)
    if kind == "content_block_start":
        block = doc["content_block"]
        out.add((index, "text"), block.get("text"))
        out.add((index, "reasoning"), block.get("thinking"))
        if block.get("type") in ("tool_use", "server_tool_use"):
            out.call(index, block.get("name"))
    elif kind == "content_block_delta":
        delta = doc["delta"]
        out.add((index, "text"), delta.get("text"))
        out.add((index, "reasoning"), delta.get("thinking"))
        if delta.get("type") == "input_json_delta":
            out.call(index, None, delta.get("partial_json"))
    elif kind == "message_delta" and doc["delta"].get("stop_reason"):
        out.ends.append(doc["delta"]["stop_reason"])


def _gemini(out, doc, streamed):
    for candidate in doc.get("candidates") or []:
        at = candidate.get("index", 0)
        for position, part in enumerate((candidate.get("content") or {}).get("parts") or []):
            # In a stream the parts of one kind run on from event to event; in a whole answer each is its own.
            place = at if streamed else (at, position)
            out.add((place, "reasoning" if part.get("thought") else "text"), part.get("text"))
            if "functionCall" in part:
                out.call(len(out.calls), part["functionCall"].get("name"), part["functionCall"].get("args"))
        if candidate.get("finishReason"):
            out.ends.append(candidate["finishReason"])


def _bedrock(out, doc, streamed):
    if not streamed:
        for index, block in enumerate(((doc.get("output") or {}).get("message") or {}).get("content") or []):
            out.add((index, "text"), block.get("text"))
            out.add((index, "reasoning"), (block.get("reasoningContent") or {}).get("reasoningText", {}).get("text"))
            if "toolUse" in block:
                out.call(index, block["toolUse"]["name"], block["toolUse"].get("input"))
    index, delta = doc.get("contentBlockIndex"), doc.get("delta") or {}
    if "toolUse" in doc.get("start", {}):
        out.call(index, doc["start"]["toolUse"]["name"])
    out.add((index, "text"), delta.get("text"))
    out.add((index, "reasoning"), (delta.get("reasoningContent") or {}).get("text"))
    if "toolUse" in delta:
        out.call(index, None, delta["toolUse"].get("input"))
    if doc.get("stopReason"):
        out.ends.append(doc["stopReason"])


def _interaction_step(out, step, index):
    kind = "text" if step.get("type") == "model_output" else "reasoning"
    for part in (step.get("content") or []) + (step.get("summary") or []):
        out.add((index, kind), part.get("text"))
    if step.get("type") == "function_call":
        out.call(index, step.get("name"), step.get("arguments") or None)


def _gemini_interactions(out, doc, streamed):
    if not streamed:
        for index, step in enumerate(doc.get("steps") or []):
            _interaction_step(out, step, index)
        out.ends.append(doc.get("status"))
        return
    kind, index, delta = doc.get("event_type"), doc.get("index"), doc.get("delta") or {}
    if kind == "step.start":
        _interaction_step(out, doc["step"], index)
    # Older streams, with other events, are not what the SDK of today asks for.
    if kind == "step.delta" and delta.get("type") == "text":
        out.add((index, "text"), delta["text"])
    if kind == "interaction.completed":
        out.ends.append(doc["interaction"].get("status"))


READERS = {"openai-chat": _openai_chat, "openai-responses": _openai_responses, "anthropic": _anthropic,
           "gemini": _gemini, "bedrock": _bedrock, "gemini-interactions": _gemini_interactions}


def strings(value, skip=frozenset()):
    """Every string value below a JSON value, except under keys in `skip`."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            todo.extend(child for key, child in item.items() if key not in skip)
