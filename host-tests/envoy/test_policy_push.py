"""A policy that changes while traffic runs (ECDS): a bad one changes nothing, a good one cuts no stream."""

import concurrent.futures
import json
import time

import pytest
from scripted import DONE, SSE, delta

import policies
from rig import recordings
from rig.client import fetch
from rig.envoy import MODULE, Envoy, load_sample, wasm_filter
from rig.replay import Answer

BAD = {
    "unknown key": ({"hemostat": 1, "version": "bad", "guardrailz": []}, "guardrailz"),
    "another language version": ({"hemostat": 2, "version": "bad"}, "hemostat"),
    "bad pattern": (policies.policy("bad", guardrails=[policies.guard("oops", "a(b", "block")]), "oops"),
    "unknown fallback": (policies.policy("bad", guardrails=[policies.guard("oops", "x", {"fallback": "nowhere"})]),
                         "nowhere"),
    "duplicate id": (policies.policy("bad", guardrails=[policies.guard("twice", "x", "block"),
                                                        policies.guard("twice", "y", "block")]), "twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_policy_is_refused_and_the_old_one_goes_on(name, enforce, envoy, ask):
    enforce(policies.KILL)
    policy, named = BAD[name]
    accepted, log = envoy.try_plugin(envoy.plugin(policy))
    assert not accepted
    assert named in log
    answer = ask("openai-chat", headers={"x-feature": "checkout"})
    assert answer.header("x-hemostat-policy") == "kill"
    assert policies.FALLBACK_TEXT in json.loads(answer.body)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"policy": {"hemostat": 1}} trailing', "\x00", "{}" * 3])
def test_a_configuration_that_is_not_one_is_refused(text, enforce, envoy, ask):
    enforce(policies.KILL)
    accepted, _ = envoy.try_plugin(text)
    assert not accepted
    assert ask("openai-chat", headers={"x-feature": "checkout"}).header("x-hemostat-policy") == "kill"


def test_a_configuration_may_be_a_struct(upstream):
    """`google.protobuf.Struct`, which Envoy hands over in binary form, in a static configuration."""
    config = load_sample("standalone/envoy.yaml")
    plugin = wasm_filter(config)["config"]
    plugin["vm_config"]["code"]["local"]["filename"] = str(MODULE)
    plugin["configuration"] = {
        "@type": "type.googleapis.com/google.protobuf.Struct",
        "value": {"hold_headers": True, "policy": policies.KILL},
    }
    with Envoy(upstream.port, config=config) as running:
        body = recordings.minimal_request("openai-chat", False)
        answer = fetch(running.port, "POST", "/v1/chat/completions", body, {"x-feature": "checkout"})
        assert answer.status == 200
        assert answer.header("x-hemostat-policy") == "kill"
        assert json.loads(answer.body)["choices"][0]["message"]["content"] == policies.FALLBACK_TEXT


def test_a_proxy_that_never_had_a_usable_policy_lets_nothing_through(upstream):
    envoy = Envoy(upstream.port, BAD["bad pattern"][0])
    try:
        envoy.start(refused=True)
        before = len(upstream.calls)
        answer = fetch(envoy.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False))
        assert answer.status == 500
        assert len(upstream.calls) == before
    finally:
        envoy.stop()


def test_a_good_policy_cuts_no_stream_and_streams_keep_theirs(enforce, envoy, ask, upstream):
    enforce(policies.policy("old", guardrails=[policies.guard("r", "secret word", {"redact": "[OLD]"})]))
    events = [delta(text) for text in ("The ", "secret ", "word ", *["and more "] * 40, "a secret", " word.")]
    name = upstream.script("long", Answer(b"".join(events) + DONE, content_type=SSE))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(ask, "openai-chat", True, x_replay=f"{name};pace=20") for _ in range(8)]
        time.sleep(0.2)
        for turn in range(3):
            rule = policies.guard("r", "secret word", {"redact": "[NEW]"})
            enforce(policies.policy(f"new-{turn}", guardrails=[rule]))
        for future in running:
            answer = future.result()
            assert answer.header("x-hemostat-policy") == "old"
            assert answer.body.count(b"[OLD]") == 2
            assert b"[NEW]" not in answer.body
            assert answer.body.endswith(DONE)
    answer = ask("openai-chat", True, x_replay=name)
    assert answer.header("x-hemostat-policy") == "new-2"
    assert answer.body.count(b"[NEW]") == 2


def test_every_worker_follows(enforce, ask):
    for turn in range(5):
        enforce(policies.policy(f"turn-{turn}"))
        seen = {ask("openai-chat").header("x-hemostat-policy") for _ in range(20)}
        assert seen == {f"turn-{turn}"}


def test_what_does_not_work_yet_is_refused_by_name(envoy):
    accepted, log = envoy.try_plugin(envoy.plugin(policies.policy("later", capture=["output"])))
    assert not accepted
    assert "capture" in log
