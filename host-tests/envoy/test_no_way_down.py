"""Requests and answers that once stopped a worker or ended its VM, each beside other streams on the same worker: those
arrive whole, and nobody waits for long."""

import contextlib
import http.client
import json
import socket
import threading
import time

import pytest
from scripted import DONE, SSE, delta

import policies
from rig import recordings
from rig.client import fetch
from rig.envoy import EMPTY_POLICY, Envoy
from rig.replay import Answer

KIB, MIB = 1 << 10, 1 << 20
# The longest that anybody else may wait for their next event, in seconds. One chunk of 8 MiB takes several seconds of a
# machine that builds beside it; what this is about took from seven seconds, alone, to minutes.
STALL_S = 15
BESIDE = [delta("the quick brown fox ")] * 60 + [DONE]

REDACT = policies.policy("redact", on_hold_limit="release", guardrails=[
    policies.guard("hits", ["zq", "begin[^!]+!", "[0-9]"], {"redact": "[X]"}, ("output", "input", "tool_args"))])
BLOCK = policies.policy("block", guardrails=[policies.guard("hits", "zq", "block", ("input",))])
IBAN = policies.policy("iban", guardrails=[
    policies.guard("iban", r"(?i)iban(.*[A-Z]{2}\d{2})?", {"redact": "[X]"}, ("output", "input"))])
TOOLS = policies.policy("tools", tools=[{"match": "bad_*", "do": "deny"}])


@pytest.fixture(scope="module")
def proxy(upstream):
    """One worker, so that everybody stands behind the others."""
    with Envoy(upstream.port, workers=1) as running:
        yield running


@pytest.fixture
def beside(proxy, upstream):
    """`beside(job)`: runs it while a paced stream passes, and checks that stream."""

    def run(job):
        script = upstream.script("beside", Answer(b"".join(BESIDE), content_type=SSE))
        gaps, got, trouble = [], [], []

        def stream():
            body = recordings.minimal_request("openai-chat", True)
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
            try:
                connection.request("POST", "/v1/chat/completions", body, {
                    "content-type": "application/json", "x-replay": f"{script};pace=20"})
                answer, last = connection.getresponse(), time.monotonic()
                while part := answer.read1(65536):
                    now = time.monotonic()
                    gaps.append(now - last)
                    got.append(part)
                    last = now
            except (OSError, http.client.HTTPException) as error:
                trouble.append(error)
            finally:
                connection.close()

        others = [threading.Thread(target=stream) for _ in range(1)]
        [other.start() for other in others]
        time.sleep(0.1)
        job()
        [other.join() for other in others]
        assert not trouble
        assert b"".join(got) == b"".join(BESIDE)
        assert max(gaps) < STALL_S
        assert proxy.alive(), proxy.log_tail()
        assert "backtrace" not in proxy.log(), proxy.log_tail()

    return run


def send(proxy, body, headers=None):
    """A request with this body; None where it is broken off."""
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
        return fetch(proxy.port, "POST", "/v1/chat/completions", body, headers)


def asks(content, **fields):
    """A chat request in bytes whose content is this JSON."""
    more = "".join(f',"{key}":{value}' for key, value in fields.items())
    return f'{{"model":"m","messages":[{{"role":"user","content":{content}}}]{more}}}'.encode()


def test_bodies_that_never_end(proxy, beside):
    proxy.push(EMPTY_POLICY)
    before = proxy.resident_bytes()

    def job():
        head = (b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                b"content-length: 99999999\r\n\r\n")
        with contextlib.ExitStack() as open_ones:
            for _ in range(60):
                connection = open_ones.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
                connection.settimeout(0.2)
                with contextlib.suppress(OSError):
                    connection.sendall(head + b"[" + b" " * (2 * MIB))

    beside(job)
    assert proxy.resident_bytes() - before < 500 * MIB


HITS = "[" + ",".join(['"zq"'] * 990_000) + "]"
INNER = '[{"role":"assistant","tool_calls":[{"function":{"name":"g","arguments":"[%s1]"}}]}]' % ("1," * 900_000)


@pytest.mark.parametrize("policy", [REDACT, BLOCK], ids=["redact", "block"])
def test_a_body_full_of_hits(policy, proxy, beside, upstream):
    proxy.push(policy)

    def job():
        answer = send(proxy, asks(HITS))
        assert answer is None or answer.status in (200, 403)
        assert policy is REDACT or answer.status == 403

    beside(job)
    if policy is REDACT:
        assert b'"zq"' not in upstream.last.body


def test_arguments_full_of_numbers(proxy, beside):
    proxy.push(REDACT)
    beside(lambda: send(proxy, f'{{"model":"m","messages":{INNER}}}'.encode()))


def test_a_long_key_above_many_names(proxy, beside):
    proxy.push(EMPTY_POLICY)
    names = ",".join(['"name":"a"'] * 40_000)
    body = b'{"model":"m","messages":[{"\\u0061%b":{%b}}]}' % (b"k" * 400 * KIB, names.encode())
    beside(lambda: send(proxy, body))


def test_blank_lines_while_text_waits(proxy, beside, upstream):
    proxy.push(REDACT)
    script = upstream.script("blank", Answer(delta("begin") + b"\n" * (3 * MIB) + DONE, content_type=SSE))
    body = recordings.minimal_request("openai-chat", True)
    beside(lambda: send(proxy, body, {"x-replay": f"{script};chunks=whole"}))


def test_answers_in_the_middle_of_large_events(proxy, beside, upstream):
    proxy.push(REDACT)
    picture = b'data: {"a":"' + b"A" * (3 * MIB + 800 * KIB)
    script = upstream.script("picture", Answer(picture, content_type=SSE))
    body = recordings.minimal_request("openai-chat", True)
    request = (f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
               f"x-replay: {script};chunks=whole;hang={len(picture) - 1}\r\ncontent-length: {len(body)}\r\n\r\n")

    def job():
        with contextlib.ExitStack() as open_ones:
            for _ in range(24):
                connection = open_ones.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
                connection.sendall(request.encode() + body)
            time.sleep(1.5)

    beside(job)


def test_a_pattern_that_comes_back_to_a_long_line(proxy, beside):
    proxy.push(IBAN)
    beside(lambda: send(proxy, asks(json.dumps("iban a " * (64 * KIB // 7)))))


def test_many_allowed_tools_under_deny(proxy, beside):
    proxy.push(TOOLS)
    tools = [{"type": "function", "function": {"name": f"get_{n}", "parameters": {}}} for n in range(20_000)]
    beside(lambda: send(proxy, asks('"hi"', tools=json.dumps(tools))))


def test_an_answer_before_the_body_is_whole(proxy, upstream, beside):
    proxy.push(BLOCK)
    # Nobody answers before the body here: the caller leaves in the middle of it.
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            b"content-length: 9000000\r\n\r\n")

    def job():
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
                connection.sendall(head + b'{"model":"m"' + b" " * MIB)

    beside(job)
