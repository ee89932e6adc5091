"""Traffic that moves, in a real Envoy: the sample `envoy/switch` with more rules. Which cluster a request reached is
seen at the upstream, by the host and the key that only that cluster gives."""

import hashlib
import json

import pytest
from scripted import DONE, SSE, chat, delta

from rig import recordings
from rig.client import fetch
from rig.envoy import MODULE, Envoy, load_sample, wasm_filter
from rig.replay import Answer

FIRST = ("api.openai.com", "Bearer first-key")
SECOND = ("api.second.example", "Bearer second-key")
POLICY = {
    "hemostat": 1,
    "version": "moves",
    "labels": {"user": [{"header": "x-user"}]},
    "switch": [
        {"id": "gemini", "when": {"dialect": "gemini", "model": "gemini-2.5-pro"},
         "to": {"upstream": "second", "model": "gemini-2.5-flash"}},
        {"id": "canary", "when": {"model": "canary", "percent": {"share": 25, "by": "user"}},
         "to": {"upstream": "second"}},
        {"id": "nowhere", "when": {"model": "lost"}, "to": {"upstream": "no-such-route"}},
        {"id": "to-second", "when": {"dialect": ["openai-chat", "openai-responses"], "model": "gpt-*"},
         "to": {"upstream": "second", "model": "gpt-oss-120b"}},
    ],
}


@pytest.fixture(scope="module")
def moving(upstream):
    """An Envoy of two providers."""
    with pytest.MonkeyPatch.context() as env:
        env.setenv("MODEL_AUTHORIZATION", FIRST[1])
        env.setenv("SECOND_AUTHORIZATION", SECOND[1])
        config = load_sample("switch/envoy.yaml")
        plugin = wasm_filter(config)["config"]
        plugin["vm_config"]["code"]["local"]["filename"] = str(MODULE)
        plugin["configuration"]["value"] = json.dumps({"hold_headers": True, "policy": POLICY})
        with Envoy(upstream.port, config=config) as running:
            yield running
            assert running.alive(), running.log_tail()


def reached(call):
    """The provider that a call reached."""
    assert call.header("x-hemostat-upstream") is None
    return call.header("host"), call.header("authorization")


def send(envoy, path, body, **headers):
    fields = {"authorization": "Bearer the-callers-own"} | {name.replace("_", "-"): v for name, v in headers.items()}
    return fetch(envoy.port, "POST", path, body, fields)


def test_only_the_model_of_the_body_is_another(moving, upstream):
    said = b'"content":"gpt-5 \\u00e9\xc3\xa9"'
    body = b'{ "messages":[{"role":"user",' + said + b'}] ,"top_p" : 1.0, "model": "gpt-5","x":[\n]}'
    answer = send(moving, "/v1/chat/completions?x=1", body, x_replay=upstream.script("s1", Answer(chat("fine"))))
    assert (answer.status, answer.header("x-hemostat-action")) == (200, "to-second:switch"), answer.body
    call = upstream.last
    assert reached(call) == SECOND
    assert call.body == body.replace(b'"model": "gpt-5"', b'"model": "gpt-oss-120b"')
    assert (call.path, call.header("content-length")) == ("/v1/chat/completions?x=1", str(len(call.body)))


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses"])
def test_a_stream_moves_and_comes_back_as_it_is(dialect, moving, upstream):
    events = [delta(f"word {n} ") for n in range(40)] + [DONE]
    script = upstream.script("moved-stream", Answer(b"".join(events), content_type=SSE))
    body = json.dumps({**json.loads(recordings.minimal_request(dialect, True)), "model": "gpt-5"}).encode()
    answer = send(moving, recordings.minimal_path(dialect, True), body, x_replay=f"{script};chunks=7")
    assert (answer.status, answer.header("x-hemostat-action")) == (200, "to-second:switch")
    assert reached(upstream.last) == SECOND
    assert upstream.last.json["model"] == "gpt-oss-120b"
    assert answer.body == b"".join(events)


@pytest.mark.parametrize("call", ["generateContent", "streamGenerateContent?alt=sse"])
def test_a_model_in_the_path_is_another(call, moving, upstream):
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}).encode()
    answer = send(moving, f"/v1beta/models/gemini-2.5-pro:{call}", body,
                  x_replay=upstream.script("g", Answer(b'{"candidates":[]}')))
    assert answer.status == 200
    assert reached(upstream.last) == SECOND
    assert upstream.last.path == f"/v1beta/models/gemini-2.5-flash:{call}"
    assert upstream.last.body == body


def test_a_canary_is_the_share_that_it_says_and_the_same_callers_each_time(moving, upstream):
    script = upstream.script("c", Answer(chat("fine")))
    body = json.dumps({"model": "canary", "messages": []}).encode()
    moved = {}
    for _ in range(2):
        for user in (f"user-{n}" for n in range(80)):
            assert send(moving, "/v1/chat/completions", body, x_user=user, x_replay=script).status == 200
            provider = reached(upstream.last)
            assert moved.setdefault(user, provider) == provider
            # The published formula, computed apart.
            first = int.from_bytes(hashlib.sha256(b"canary\0" + user.encode()).digest()[:8])
            assert provider == (SECOND if first < 0.25 * 2**64 else FIRST), user
    assert set(moved.values()) == {FIRST, SECOND}


def test_a_name_that_no_route_knows_goes_where_all_else_goes(moving, upstream):
    script = upstream.script("n", Answer(chat("fine")))
    assert send(moving, "/v1/chat/completions", b'{"model":"lost","messages":[]}', x_replay=script).status == 200
    assert reached(upstream.last) == FIRST


def test_a_caller_cannot_choose(moving, upstream):
    script = upstream.script("f", Answer(chat("fine")))
    for path, body in (("/v1/chat/completions", b'{"model":"other","messages":[]}'), ("/v1/other", b"{}")):
        send(moving, path, body, x_replay=script, x_hemostat_upstream="second", X_Hemostat_Upstream="second")
        assert reached(upstream.last) == FIRST


def test_the_access_log_says_where_it_went_and_what_was_asked(moving, upstream):
    script = upstream.script("l", Answer(chat("fine")))
    send(moving, "/v1/chat/completions", b'{"model":"gpt-logged","messages":[]}', x_replay=script)
    entry = moving.access_entry(lambda entry: entry["gen_ai.request.model"] == "gpt-logged")
    assert (entry["upstream"], entry["hemostat.sent_model"]) == ("second", "gpt-oss-120b")
    assert entry["hemostat.rule_hits"] == "to-second:switch"


def test_a_large_body_moves_whole(moving, upstream):
    script = upstream.script("b", Answer(chat("fine")))
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 3_000_000}], "model": "gpt-5"}).encode()
    assert send(moving, "/v1/chat/completions", body, x_replay=script).status == 200
    assert reached(upstream.last) == SECOND
    assert len(upstream.last.body) == len(body) + len("gpt-oss-120b") - len("gpt-5")
