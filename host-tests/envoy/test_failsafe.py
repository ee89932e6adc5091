"""The kill switch and the answers for a failing upstream."""

import json
import socket

import pytest

import policies
from rig import messages, recordings, texts
from rig.client import fetch
from rig.envoy import Envoy, connection_manager, load_sample
from rig.replay import Answer

KINDS = [(dialect, stream) for dialect in recordings.DIALECTS for stream in (False, True)]
IDS = [f"{dialect}-{'stream' if stream else 'whole'}" for dialect, stream in KINDS]
# The ending of an ordinary answer, and the beginning of the ids of answers that the proxy made.
ORDINARY = {"openai-chat": {"stop"}, "openai-responses": {"completed"}, "anthropic": {"end_turn"},
            "gemini": {"STOP"}, "bedrock": {"end_turn"}}
ID_STARTS = {"openai-chat": "chatcmpl-hemostat-", "openai-responses": "resp_hemostat_", "anthropic": "msg_hemostat_"}

ERROR = Answer(json.dumps({"error": {"message": "overloaded", "type": "server_error"}}).encode())

DOWN = policies.policy(
    "down",
    failsafe=[{"id": "provider-down", "upstream": {"status": [500, 502, 503, 504, 529], "timeout": True},
               "do": {"fallback": "sorry"}}],
    fallbacks={"sorry": {"text": policies.FALLBACK_TEXT}},
)


def check_canned(dialect, stream, answer):
    """The answer is complete, well-formed, and says that the proxy made it."""
    assert answer.status == 200
    streamed = messages.CONTENT_TYPE if dialect == "bedrock" else "text/event-stream"
    assert (answer.header("content-type") or "").startswith(streamed if stream else "application/json")
    read = texts.read(dialect, answer.body)
    assert read.text == policies.FALLBACK_TEXT
    assert set(read.ends) == ORDINARY[dialect]
    assert not read.calls
    if dialect in ID_STARTS:
        ids = [text for document in texts.documents(answer.body) for text in texts.strings(document)]
        assert any(text.startswith(ID_STARTS[dialect]) for text in ids)
    if dialect == "bedrock":
        assert (answer.header("x-amzn-requestid") or "").startswith("hemostat-")
    if dialect == "openai-chat" and stream:
        assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(("dialect", "stream"), KINDS, ids=IDS)
def test_the_kill_switch_answers_and_the_model_is_never_called(dialect, stream, enforce, ask, upstream):
    enforce(policies.KILL)
    before = len(upstream.calls)
    answer = ask(dialect, stream, headers={"x-feature": "checkout"})
    assert len(upstream.calls) == before
    check_canned(dialect, stream, answer)
    assert answer.header("x-hemostat-handoff") == "true"
    assert answer.header("x-hemostat-policy") == "kill"
    assert answer.header("x-hemostat-action") == "kill-bot:fallback"
    assert answer.header("x-hemostat-decision")


@pytest.mark.parametrize(("dialect", "stream"), KINDS, ids=IDS)
def test_the_kill_switch_leaves_other_traffic_alone(dialect, stream, enforce, replay, upstream):
    enforce(policies.KILL)
    recording = recordings.answers(stream=stream, dialect=dialect)[0]
    before = len(upstream.calls)
    answer = replay(recording, headers={"x-feature": "search"})
    assert answer.body == recording.body
    assert len(upstream.calls) == before + 1
    assert answer.header("x-hemostat-action") is None


@pytest.mark.parametrize("status", [500, 503, 529])
@pytest.mark.parametrize(("dialect", "stream"), KINDS, ids=IDS)
def test_a_failing_upstream_is_answered_by_the_fallback(dialect, stream, status, enforce, ask, upstream):
    enforce(DOWN)
    name = upstream.script("down", ERROR)
    answer = ask(dialect, stream, x_replay=f"{name};status={status}")
    check_canned(dialect, stream, answer)
    assert answer.header("x-hemostat-action") == "provider-down:fallback"


@pytest.mark.parametrize("dialect", recordings.DIALECTS)
def test_an_error_that_no_rule_names_passes(dialect, enforce, ask, upstream):
    enforce(DOWN)
    name = upstream.script("teapot", ERROR)
    answer = ask(dialect, x_replay=f"{name};status=400")
    assert (answer.status, answer.body) == (400, ERROR.body)


@pytest.fixture(scope="module")
def impatient_envoy(upstream):
    """An Envoy that waits one second for an answer's headers, and whose second route leads to nobody."""
    config = load_sample("ecds/envoy.yaml")
    (virtual_host,) = connection_manager(config)["route_config"]["virtual_hosts"]
    patient = virtual_host["routes"][0]
    patient["route"]["timeout"] = "1s"
    nobody = {"match": {"prefix": "/", "headers": [{"name": "x-to", "string_match": {"exact": "nobody"}}]},
              "route": {"cluster": "nobody", "timeout": "1s"}}
    virtual_host["routes"].insert(0, nobody)
    with socket.socket() as reserved:
        # Bound and not listening: a connection is refused, and nobody else can take the port meanwhile.
        reserved.bind(("127.0.0.1", 0))
        envoy = Envoy(upstream.port, DOWN, config=config)
        envoy.add_cluster("nobody", reserved.getsockname()[1])
        with envoy:
            yield envoy


@pytest.mark.parametrize(("dialect", "stream"), KINDS, ids=IDS)
def test_an_upstream_that_says_nothing_is_a_timeout(dialect, stream, impatient_envoy, upstream):
    name = upstream.script("mute", ERROR)
    answer = fetch(impatient_envoy.port, "POST", recordings.minimal_path(dialect, stream),
                   recordings.minimal_request(dialect, stream), {"x-replay": f"{name};hang=headers"})
    check_canned(dialect, stream, answer)


@pytest.mark.parametrize(("dialect", "stream"), KINDS, ids=IDS)
def test_an_upstream_that_is_not_there_is_answered_too(dialect, stream, impatient_envoy):
    answer = fetch(impatient_envoy.port, "POST", recordings.minimal_path(dialect, stream),
                   recordings.minimal_request(dialect, stream), {"x-to": "nobody"})
    check_canned(dialect, stream, answer)
