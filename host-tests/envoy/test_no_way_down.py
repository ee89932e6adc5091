"""Requests and answers that once stopped a worker or ended its VM, each beside other streams on the same worker: those
arrive whole, and nobody waits for long."""

import base64
import contextlib
import http.client
import json
import os
import socket
import statistics
import threading
import time

import pytest
from scripted import DONE, SSE, chat, delta
from test_tools import grant

import policies
from rig import recordings
from rig.client import fetch
from rig.envoy import EMPTY_POLICY, Envoy
from rig.releases import EVE, ONCALL
from rig.replay import Answer

KIB, MIB = 1 << 10, 1 << 20
# The longest that anybody else may wait for their next event, in seconds. One chunk of 8 MiB takes several seconds of a
# machine that builds beside it; what this is about took from seven seconds, alone, to minutes.
STALL_S = 15
# `HEMOSTAT_MEASURE=1` and `-s`: the table of docs/performance.md. Then each attack is sent again and again.
MEASURES = "HEMOSTAT_MEASURE" in os.environ
NEIGHBOURS, PACE_MS = 4, 20
BESIDE = [delta("the quick brown fox ")] * (400 if MEASURES else 40) + [DONE]

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


class Neighbours:
    """Paced streams on the one worker: what they got, and the gaps between two of their events in seconds."""

    def __init__(self, port, upstream):
        script = upstream.script("beside", Answer(b"".join(BESIDE), content_type=SSE))
        self._port, self._options = port, f"{script};pace={PACE_MS}"
        self._got, self._gaps, self._trouble = [], [], []
        self._threads = [threading.Thread(target=self._stream) for _ in range(NEIGHBOURS)]

    def __enter__(self):
        [thread.start() for thread in self._threads]
        time.sleep(0.1)
        return self

    def __exit__(self, *_):
        [thread.join() for thread in self._threads]

    def _stream(self):
        body, got = recordings.minimal_request("openai-chat", True), []
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", "/v1/chat/completions", body, {
                "content-type": "application/json", "x-replay": self._options})
            answer, last = connection.getresponse(), time.monotonic()
            while part := answer.read1(65536):
                now = time.monotonic()
                self._gaps.append(now - last)
                got.append(part)
                last = now
        except (OSError, http.client.HTTPException) as error:
            self._trouble.append(error)
        finally:
            self._got.append(b"".join(got))
            connection.close()

    def are_served(self):
        """True while one of them runs."""
        return any(thread.is_alive() for thread in self._threads)

    def gaps(self):
        """The gap that one in a hundred is longer than, and the longest. Every stream must have come as it was sent."""
        assert not self._trouble
        assert self._got == [b"".join(BESIDE)] * NEIGHBOURS
        return statistics.quantiles(self._gaps, n=100)[-1], max(self._gaps)


@pytest.fixture(scope="module")
def quiet(proxy, upstream):
    """The gaps of streams that nobody attacks."""
    with Neighbours(proxy.port, upstream) as alone:
        pass
    return alone.gaps()


@pytest.fixture
def beside(proxy, upstream, quiet, request):
    """`beside(job)`: runs it while paced streams pass, and checks those. Their gaps are printed and hardly judged: what
    they are depends on what else the machine does."""

    def run(job):
        began = time.monotonic()
        with Neighbours(proxy.port, upstream) as others:
            times = 1
            job()
            while MEASURES and others.are_served():
                job()
                times += 1
        took = time.monotonic() - began
        often, longest = others.gaps()
        print(f"\n| {request.node.name} | {times} in {took:.1f} s | {often * 1000:.0f} ms, {often / quiet[0]:.1f} "
              f"| {longest * 1000:.0f} ms |")
        assert longest < STALL_S
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
    # Where it is measured they are sent again and again, and Envoy's own buffers for them count here too.
    assert MEASURES or proxy.resident_bytes() - before < 500 * MIB


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


def test_many_held_texts_that_were_touched(proxy, beside, upstream):
    proxy.push(REDACT)

    def says(text):
        return b"".join(delta(text).replace(b'"index": 0', b'"index": %d' % n) for n in range(1000))

    script = upstream.script("touched", Answer(says("zq begin") * 4 + DONE, content_type=SSE))
    body = recordings.minimal_request("openai-chat", True)

    def job():
        assert b"zq" not in send(proxy, body, {"x-replay": f"{script};chunks=whole"}).body

    beside(job)


def test_grants_of_the_callers_own_making(proxy, beside, upstream):
    asks_for_leave = policies.policy("leave", tools=[{"id": "ask", "match": "*", "do": "approve"}])
    trusted = {"oncall": {"key": ONCALL.public, "may": ["approve"]}}
    accepted, log = proxy.try_plugin(proxy.plugin(asks_for_leave) | {"trust": {"keys": trusted}, "scope": "prod-eu"})
    assert accepted, log
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "get", "arguments": "{}"}}
    script = upstream.script("call", Answer(delta("").replace(b'"content": ""', b'"tool_calls": [%b]' %
                                                              json.dumps(call).encode()) + DONE, content_type=SSE))
    # Nothing but the signature is wrong in them, so that it must be looked at.
    forged = [grant(EVE, any_args_of="get", nonce="n" * 600 + str(n)).encode() for n in range(8)]
    headers = {"x-replay": f"{script};chunks=whole",
               "x-hemostat-approval": b",".join(map(base64.b64encode, forged)).decode()}

    def job():
        for _ in range(10):
            answer = send(proxy, asks('"hi"', stream="true"), headers)
            assert b"the grant is not signed by a key" in answer.body

    beside(job)


def test_an_answer_before_the_body_is_whole(proxy, upstream, beside):
    script = upstream.script("early", Answer(chat("fine")))
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nx-replay: %b;early\r\n"
            b"content-length: 9000000\r\n\r\n{\"model\":\"m\"" % script.encode())
    proxy.hold_headers = False
    proxy.push(BLOCK)
    counted = proxy.count("hemostat_unchecked_total", reason="overtaken", action="block")

    def job():
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
                connection.sendall(head)
                assert connection.recv(65536).startswith(b"HTTP/1.1 403 ")

    try:
        beside(job)
    finally:
        proxy.hold_headers = True
    assert proxy.count("hemostat_unchecked_total", reason="overtaken", action="block") >= counted + 20


def test_callers_that_leave_in_the_middle_of_a_body(proxy, beside):
    proxy.push(BLOCK)
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            b"content-length: 9000000\r\n\r\n")

    def job():
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
                connection.sendall(head + b'{"model":"m"' + b" " * MIB)

    beside(job)
