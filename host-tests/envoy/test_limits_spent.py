"""`cut_when_spent`: a stream that passes its reservation and can have no more ends so that official SDKs take it for an
answer at its most tokens, and upstream is stopped."""

import itertools
import json
import re
import time

import httpx2
import openai
import pytest
from scripted import DONE, SSE, delta

import policies
import sdks
from rig import recordings, texts
from rig.client import fetch
from rig.envoy import Envoy
from rig.replay import Answer

# Each test begins accounts of its own.
EPOCHS = itertools.count(1)
# Each SDK's word for an answer that came to its most tokens.
ENDS = {"openai-chat": "length", "openai-responses": "incomplete", "anthropic": "max_tokens", "gemini": "MAX_TOKENS"}
# Room for the request's reservation and a little more. The Anthropic SDK's request names 256 tokens itself.
CAPS = {"openai-chat": 160, "openai-responses": 160, "anthropic": 300, "gemini": 160}


def policy(dialect):
    """So many tokens a day that a long answer cannot have them all."""
    allow = {"tokens": CAPS[dialect], "every": "day"}
    limit = {"id": "tokens", "allow": allow, "cut_when_spent": True, "epoch": next(EPOCHS)}
    return policies.policy("spent", default_max_output_tokens=100, limits=[limit])


def long_answer(dialect, upstream):
    """A stream with much text, as `x-replay`: recorded, but for Gemini, whose recordings think too much before they
    speak, which counts as well."""
    if dialect == "gemini":
        events = [{"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": f"word {number} "}]}}]}
                  for number in range(300)]
        return upstream.script("long-gemini", Answer(
            b"".join(b"data: %b\r\n\r\n" % json.dumps(event).encode() for event in events), content_type=SSE))

    def little(recording):
        said = re.search(rb'"input_tokens": ?(\d+)', recording.body)
        return dialect != "anthropic" or int(said[1]) < 100

    found = [r for r in recordings.answers(stream=True, dialect=dialect)
             if not texts.read(dialect, r.body).calls and little(r)]
    return max(found, key=lambda r: len(texts.read(dialect, r.body).text)).id


@pytest.fixture(scope="module")
def limited(upstream):
    """An Envoy of these tests' own."""
    with Envoy(upstream.port) as running:
        yield running
        assert running.alive(), running.log_tail()


def read(dialect, url, x_replay):
    """What an SDK gives of a stream, and the error that it ends with where it reads on, into the reset."""
    text, ends, error = "", [], None
    try:
        for piece, end in sdks.PARTS[dialect](url, {"x-replay": x_replay}, False):
            assert not ends, "nothing comes after the end"
            text += piece or ""
            ends += [end] if end else []
    except (httpx2.TransportError, openai.APIConnectionError) as reset:
        error = reset
    return text, ends, error


@pytest.mark.parametrize("dialect", ENDS)
def test_a_stream_ends_for_an_sdk_as_one_that_came_to_its_most_tokens(dialect, limited, upstream):
    answer = long_answer(dialect, upstream)
    whole, _, _ = read(dialect, f"http://127.0.0.1:{upstream.port}", answer)
    assert len(whole) > 1000
    limited.push(policy(dialect))
    before = limited.count("hemostat_rule_hits_total", rule="tokens", action="cut")
    text, ends, error = read(dialect, f"http://127.0.0.1:{limited.port}", f"{answer};pace=5")
    assert ends == [ENDS[dialect]]
    # OpenAI's chat streams have an end that SDKs take for one; the others read on until the transport ends.
    assert (error is None) == (dialect == "openai-chat")
    assert 50 < len(text) < len(whole)
    assert whole.startswith(text)
    assert limited.count("hemostat_rule_hits_total", rule="tokens", action="cut") == before + 1
    entry = limited.access_entry(
        lambda entry: (entry["hemostat.rule_hits"], entry["hemostat.dialect"]) == ("tokens:cut", dialect))
    assert entry["status"] == 200


def test_upstream_is_stopped_and_what_was_counted_is_charged(limited, upstream):
    """The rest of a long stream is not paid for: upstream's connection ends long before the stream would have."""
    events = [delta(f"word {number} ") for number in range(400)]
    name = upstream.script("spent", Answer(b"".join(events) + DONE, content_type=SSE))
    limited.push(policy("openai-chat"))
    began = time.monotonic()
    text, ends, _ = read("openai-chat", f"http://127.0.0.1:{limited.port}", f"{name};pace=20")
    took = time.monotonic() - began
    assert ends == ["length"]
    assert took < 400 * 0.02 / 2
    # The cap is used up but for what a request needs: the next one is refused, and told when to come again.
    refused = fetch(limited.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", True))
    assert refused.status == 429
    assert refused.header("x-should-retry") == "false"
    assert 0 < int(refused.header("retry-after")) <= 86_400
