"""Traffic that is broken, huge or not ours: Envoy lives in bounded memory, nothing leaks, the rest passes untouched."""

import contextlib
import gzip
import http.client
import json

import pytest
from scripted import DONE, SSE, chat, delta

import policies
from rig import grpc, recordings
from rig.client import fetch, raw
from rig.envoy import Envoy, load_sample
from rig.replay import Answer

MIB = 1 << 20
SECRET = "sesame-opens-the-door"

GUARDED = policies.policy(
    "guarded",
    guardrails=[policies.guard("hostile", SECRET, {"redact": "[X]"}, ("output", "input", "tool_args"))],
)
LENIENT = {**GUARDED, "version": "lenient", "on_unreadable": "pass"}


@pytest.fixture(autouse=True)
def guarded(enforce):
    enforce(GUARDED)


@pytest.fixture(autouse=True)
def still_serving(ask, upstream):
    """Whatever a test did, the next caller is served and guarded."""
    yield
    answer = ask("openai-chat", x_replay=upstream.script("after", Answer(chat(SECRET))))
    assert answer.status == 200
    assert SECRET.encode() not in answer.body


BROKEN = {
    "not json": b"data: this is not json\n\n",
    "half a document": b'data: {"choices":[{"index":0,"delta":{"content":"a\n\n',
    "bad utf-8": b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe\xc3(' + SECRET.encode() + b'"}}]}\n\n',
    "depth bomb": b"data: " + b"[" * 200_000 + b"]" * 200_000 + b"\n\n",
    "object bomb": b"data: " + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n\n",
    "lone surrogate": b'data: {"choices":[{"index":0,"delta":{"content":"\\ud800 x"}}]}\n\n',
    "nul": b'data: {"choices":[{"index":0,"delta":{"content":"\\u0000\x00"}}]}\n\n',
    "wrong types": b'data: {"choices":{"index":"x","delta":[1,2,{"content":7}]}}\n\n',
    "huge number": b'data: {"choices":[{"index":1e999,"delta":{"content":"a"}}]}\n\n',
    "duplicate keys": b'data: {"choices":[{"index":0,"delta":{"content":"' + SECRET.encode()
                      + b'","content":"fine"}}]}\n\n',
    "escaped": b'data: {"choices":[{"index":0,"delta":{"content":"sesame\\u002dopens-the\\u002Ddoor"}}]}\n\n',
    "only returns": b"\r" * 10_000,
    "no blank line at the end": b'data: {"choices":[{"index":0,"delta":{"content":"' + SECRET.encode() + b'"}}]}',
    "nothing": b"",
}


@pytest.mark.parametrize("chunks", ["1", "random:9", "whole"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_leaks_nothing(name, chunks, ask, upstream):
    body = delta("before ") + BROKEN[name] + delta(f" {SECRET} after") + DONE
    script = upstream.script("broken", Answer(body, content_type=SSE))
    answer = ask("openai-chat", True, x_replay=f"{script};chunks={chunks}")
    assert SECRET.encode() not in answer.body
    assert b"sesame\\u002dopens" not in answer.body


@pytest.mark.parametrize("name", ["not json", "bad utf-8", "depth bomb", "wrong types", "nothing"])
def test_a_broken_whole_answer_leaks_nothing(name, ask, upstream):
    body = BROKEN[name].removeprefix(b"data: ").strip() + SECRET.encode()
    answer = ask("openai-chat", x_replay=upstream.script("broken", Answer(body)))
    assert SECRET.encode() not in answer.body


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("dialect", recordings.DIALECTS)
def test_a_broken_request_is_answered(dialect, name, envoy):
    body = BROKEN[name].removeprefix(b"data: ").strip()
    answer = fetch(envoy.port, "POST", recordings.minimal_path(dialect, False), body)
    assert answer.status < 500 or answer.status == 599


def test_an_endless_event_is_bounded(ask, upstream, envoy):
    """100 MB without a line end: it is not collected in memory."""
    before = envoy.resident_bytes()

    def endless():
        yield b'data: {"choices":[{"index":0,"delta":{"content":"'
        for _ in range(1600):
            yield b"x" * 65536
        yield b'"}}]}\n\n'

    script = upstream.script("endless", Answer(endless, content_type=SSE))
    # It may be cut off: what cannot be read is blocked.
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
        ask("openai-chat", True, x_replay=script)
    assert envoy.resident_bytes() - before < 150 * MIB


def test_many_large_events_pass_in_bounded_memory(ask, upstream, envoy):
    before = envoy.resident_bytes()
    event = delta("lorem ipsum " * 8000)  # 96 KB

    def many():
        for _ in range(600):
            yield event
        yield DONE

    answer = ask("openai-chat", True, x_replay=upstream.script("many", Answer(many, content_type=SSE)))
    assert answer.body == event * 600 + DONE
    assert envoy.resident_bytes() - before < 150 * MIB


def test_a_body_over_the_hosts_buffer_is_refused_cleanly(envoy, upstream):
    body = recordings.minimal_request("openai-chat", False, "x" * (40 * MIB))
    calls = len(upstream.calls)
    try:
        answer = fetch(envoy.port, "POST", "/v1/chat/completions", body)
        assert answer.status == 413
    except ConnectionError:
        pass  # refused while it was still being sent
    assert len(upstream.calls) == calls


def test_upstream_is_asked_for_identity_encoding(ask, upstream):
    ask("openai-chat", headers={"accept-encoding": "gzip, br, zstd"})
    assert upstream.last.header("accept-encoding") in ("identity", None)


@pytest.mark.parametrize("stream", [False, True])
def test_what_still_comes_compressed_is_blocked_and_counted(stream, ask, upstream, envoy):
    before = envoy.count("hemostat_unchecked_total", reason="encoding")
    body = delta(SECRET) + DONE if stream else chat(SECRET)
    script = upstream.script("zipped", Answer(body, content_type=SSE if stream else "application/json"))
    answer = ask("openai-chat", stream, x_replay=f"{script};gzip")
    assert SECRET.encode() not in answer.body
    assert not answer.body.startswith(gzip.compress(body)[:10])
    assert envoy.count("hemostat_unchecked_total", reason="encoding") == before + 1


@pytest.mark.parametrize("stream", [False, True])
def test_what_still_comes_compressed_passes_where_the_policy_says_so(stream, ask, upstream, envoy, enforce):
    enforce(LENIENT)
    before = envoy.count("hemostat_unchecked_total", reason="encoding")
    body = delta("hello") + DONE if stream else chat("hello")
    script = upstream.script("zipped", Answer(body, content_type=SSE if stream else "application/json"))
    answer = ask("openai-chat", stream, x_replay=f"{script};gzip")
    assert gzip.decompress(answer.body) == body
    assert answer.header("content-encoding") == "gzip"
    assert envoy.count("hemostat_unchecked_total", reason="encoding") == before + 1


def test_a_header_that_is_not_utf8_is_no_trouble(envoy, upstream):
    body = recordings.minimal_request("openai-chat", False)
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-odd: \xff\xfe\xc3\x28\r\n"
            b"x-feature: caf\xe9\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
    assert raw(envoy.port, head + body).startswith(b"HTTP/1.1 200")
    assert upstream.last.header("x-odd") == "ÿþÃ("


OTHER = [("GET", "/"), ("GET", "/v1/models"), ("HEAD", "/health"), ("POST", "/v1/rerank"), ("POST", "/v1/files"),
         ("PUT", "/anything"), ("DELETE", "/v1/responses/resp_1"), ("OPTIONS", "/v1/chat/completions"),
         ("POST", "/v1/messages/count_tokens")]


@pytest.mark.parametrize(("method", "path"), OTHER)
def test_other_traffic_passes_untouched(method, path, envoy, upstream):
    body = f'{{"messages":"{SECRET}"'.encode() if method in ("POST", "PUT") else None
    answer = fetch(envoy.port, method, path, body, {"x-replay": "echo", "accept-encoding": "gzip"})
    assert answer.status == 200
    call = upstream.last
    assert (call.method, call.path, call.body) == (method, path, body or b"")
    assert call.header("accept-encoding") == "gzip"
    if method != "HEAD":
        assert json.loads(answer.body)["body"] == (body or b"").decode()


def test_a_websocket_passes(envoy):
    request = (b"GET /v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
               b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    received = raw(envoy.port, request + SECRET.encode(), timeout=2)
    assert received.startswith(b"HTTP/1.1 101")
    assert received.endswith(SECRET.encode())


@pytest.mark.parametrize("path", [b"/v1/responses", b"/v1/chat/completions"])
def test_a_websocket_where_a_model_is_called_is_sent_back_to_http(path, envoy, upstream):
    before = envoy.count("hemostat_unchecked_total", reason="websocket", action="block")
    request = (b"GET " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
               b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    received = raw(envoy.port, request, timeout=2)
    assert received.startswith(b"HTTP/1.1 426")
    assert b"call over HTTP" in received
    assert envoy.count("hemostat_unchecked_total", reason="websocket", action="block") == before + 1


def test_a_call_in_a_shape_that_nobody_reads_passes_and_is_counted(envoy, upstream):
    before = envoy.count("hemostat_unchecked_total", reason="lane", action="pass")
    body = json.dumps({"inputs": [SECRET], "model": "m"}).encode()
    answer = fetch(envoy.port, "POST", "/generate", body, {"x-replay": "echo"})
    assert answer.status == 200
    assert upstream.last.body == body
    assert envoy.count("hemostat_unchecked_total", reason="lane", action="pass") == before + 1


def test_grpc_passes_with_its_trailers():
    config = load_sample("ecds/envoy.yaml")
    (cluster,) = config["static_resources"]["clusters"]
    cluster["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}}}}
    with grpc.echo_server() as (port, seen), Envoy(port, GUARDED, config=config) as envoy:
        headers, body, trailers = grpc.call(envoy.port, "/inference.Service/Infer", SECRET.encode())
    assert seen[0][":path"] == "/inference.Service/Infer"
    assert headers[":status"] == "200"
    assert body == SECRET.encode()
    assert trailers == {"grpc-status": "0", "grpc-message": "fine"}


@pytest.mark.parametrize("path", ["/v1//chat/completions", "/v1/./chat/completions", "/v1/chat/completions/",
                                  "/v1/x/../chat/completions", "/v1/chat%2Fcompletions", "/v1/%63hat/completions"])
def test_another_spelling_of_the_path_is_guarded_too(path, envoy, upstream):
    body = recordings.minimal_request("openai-chat", False)
    answer = fetch(envoy.port, "POST", path, body, {"x-replay": upstream.script("leak", Answer(chat(f"a {SECRET}")))})
    assert SECRET.encode() not in answer.body
