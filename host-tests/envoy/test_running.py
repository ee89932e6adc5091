"""`running: cut`: a kill that comes into force ends streams under way on every worker, so that SDKs see a clean end."""

import concurrent.futures
import http.client
import json
import time

import pytest
from scripted import DONE, SSE, delta

import policies
import sdks
from rig import recordings
from rig.envoy import EMPTY_POLICY
from rig.replay import Answer

TEXT = "This assistant is paused for the moment."


def kill(version, when=None, do=None, running="cut"):
    rule = {"id": "kill", "do": do or {"fallback": "kind"}, "running": running} | ({"when": when} if when else {})
    return policies.policy(version, labels={"feature": [{"header": "x-feature"}]}, failsafe=[rule],
                           fallbacks={"kind": {"text": TEXT}})


GUARDS = policies.policy("guards", labels={"feature": [{"header": "x-feature"}]},
                         guardrails=[policies.guard("r", "never said", "block")])


def text_of(body):
    events = [line[6:] for line in body.decode().split("\n") if line.startswith("data: {")]
    return "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)


@pytest.fixture
def slow(upstream):
    """A stream that says a word every 50 ms for twenty seconds."""
    words = [delta(f"word{n} ") for n in range(400)]
    return upstream.script("slow", Answer(b"".join(words) + DONE, content_type=SSE)) + ";pace=50"


@pytest.mark.parametrize("before", [EMPTY_POLICY, GUARDS], ids=["nobody looks", "guards look"])
def test_streams_under_way_end_on_every_worker(before, enforce, envoy, ask, slow):
    enforce(before)

    def stream(feature):
        answer = ask("openai-chat", True, x_replay=slow, headers={"x-feature": feature})
        return answer, time.monotonic()

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        doomed = [pool.submit(stream, "checkout") for _ in range(12)]
        spared = pool.submit(lambda: ask("openai-chat", True, x_replay=slow.replace("pace=50", "pace=20"),
                                         headers={"x-feature": "search"}))
        time.sleep(2)
        # What upstream still says is not waited for.
        policy = kill("kill", {"feature": "checkout"})
        pushed = time.monotonic()
        enforce(policy | {"on_cut": "cancel"})
        for future in doomed:
            with pytest.raises(http.client.IncompleteRead) as broken:
                future.result()
            body = broken.value.partial
            assert body.endswith(DONE)
            # On a slow machine an answer may not have begun: it is all canned then.
            assert text_of(body).startswith("word0 ") or text_of(body) == TEXT
            assert text_of(body).endswith(TEXT)
            assert b'"finish_reason":"stop"' in body
        assert time.monotonic() - pushed < 5
        whole = spared.result()
        assert text_of(whole.body).endswith("word399 ")
        assert whole.header("x-hemostat-policy") == before["version"]
    assert envoy.count("hemostat_streams_ended_total") >= 12


def test_a_silent_stream_is_reset_within_five_seconds(enforce, ask, upstream):
    enforce(EMPTY_POLICY)
    body = b"".join(delta(f"word{n} ") for n in range(4))
    script = upstream.script("silent", Answer(body + DONE, content_type=SSE))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask, "openai-chat", True, x_replay=f"{script};hang={len(body)}") for _ in range(4)]
        time.sleep(0.5)
        pushed = time.monotonic()
        enforce(kill("kill-silent"))
        for future in running:
            with pytest.raises(http.client.IncompleteRead) as broken:
                future.result()
            assert broken.value.partial == body
        # Five seconds is what is promised; a machine that does much else takes longer.
        assert time.monotonic() - pushed < 15


def test_a_compressed_stream_is_reset(enforce, ask, slow):
    enforce(EMPTY_POLICY)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, "openai-chat", True, x_replay=f"{slow};gzip;chunks=1")
        time.sleep(0.5)
        pushed = time.monotonic()
        enforce(kill("kill-compressed"))
        with pytest.raises(http.client.IncompleteRead):
            running.result()
        assert time.monotonic() - pushed < 15


def test_without_the_word_streams_run_to_their_end(enforce, ask, upstream):
    enforce(EMPTY_POLICY)
    script = upstream.script("short", Answer(b"".join(delta("a ") for _ in range(40)) + DONE, content_type=SSE))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, "openai-chat", True, x_replay=f"{script};pace=50")
        time.sleep(0.5)
        enforce(kill("kill-finish", running="finish"))
        assert text_of(running.result().body) == "a " * 40


@pytest.mark.parametrize("name", ["chat_stream", "responses_stream", "messages_stream"])
def test_official_sdks_see_a_clean_end(name, enforce, envoy, upstream):
    enforce(EMPTY_POLICY)
    recording = {"chat_stream": "openai-chat", "responses_stream": "openai-responses",
                 "messages_stream": "anthropic"}[name]
    known = [one for one in recordings.answers(True, recording) if one.status == 200 and len(one.body) < 60_000]
    longest = max(known, key=lambda one: one.body.count(b"\n\n"))
    headers = {"x-replay": f"{longest.id};pace=30"}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(getattr(sdks, name), f"http://127.0.0.1:{envoy.port}", headers, False)
        time.sleep(1)
        enforce(kill(f"kill-{name}"))
        assert running.result()["text"].rstrip().endswith(TEXT)
