"""Many streams at once on two workers: none gets bytes of another, and a caller that hangs up disturbs nobody."""

import concurrent.futures
import socket

import pytest
from scripted import SSE, delta

import policies
from rig import recordings, texts
from rig.replay import Answer

STREAMS = 48


@pytest.fixture(autouse=True)
def numbers_are_secret(enforce):
    enforce(policies.policy("parallel", guardrails=[policies.guard("number", "no[.] [0-9]+ end", {"redact": "[N]"})]))


def test_streams_do_not_mix(ask, upstream):
    def one(number):
        pieces = [f"stream {number} ", "says ", "no", ". ", *str(number * 7919), " e", "nd", f" of {number}"] * 20
        name = upstream.script(f"own-{number}", Answer(b"".join(map(delta, pieces)), content_type=SSE))
        answer = ask("openai-chat", True, x_replay=f"{name};chunks=random:{number};pace=1")
        return texts.read("openai-chat", answer.body).text

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = list(pool.map(one, range(STREAMS)))
    assert results == [f"stream {number} says [N] of {number}" * 20 for number in range(STREAMS)]


def test_callers_that_hang_up(ask, upstream, envoy):
    body = b"".join(delta(f"no. {number} e") for number in range(400))
    name = upstream.script("long", Answer(body, content_type=SSE))
    request = recordings.minimal_request("openai-chat", True)
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-replay: {name};pace=2\r\n"
            f"content-type: application/json\r\ncontent-length: {len(request)}\r\n\r\n").encode()
    before = envoy.resident_bytes()
    for turn in range(60):
        with socket.create_connection(("127.0.0.1", envoy.port)) as connection:
            # At every point of the exchange: in the request's head, in its body, in the answer.
            connection.sendall((head + request)[: len(head) // 2 if turn % 3 == 0 else None])
            if turn % 3 == 2:
                connection.recv(100)
    after = upstream.script("after", Answer(delta("no. 5 end"), content_type=SSE))
    assert texts.read("openai-chat", ask("openai-chat", True, x_replay=after).body).text == "[N]"
    assert envoy.resident_bytes() - before < 50 << 20
