"""The official JavaScript SDKs as clients. One process of Node.js runs all jobs of a test."""

import json
import pathlib
import subprocess

import pytest
from test_tools import STOPPED, deny, with_calls

import policies
from cases import phrase_of, samples
from rig.replay import Answer

RUNNER = pathlib.Path(__file__).parent / "js" / "sdks.mjs"
WAYS = {
    "openai chat create": ("openai-chat", False),
    "openai chat stream=True": ("openai-chat", True),
    "openai chat .stream()": ("openai-chat", True),
    "openai responses create": ("openai-responses", False),
    "openai responses .stream()": ("openai-responses", True),
    "anthropic create": ("anthropic", False),
    "anthropic .stream()": ("anthropic", True),
    "genai generate_content": ("gemini", False),
    "genai generate_content_stream": ("gemini", True),
}


@pytest.fixture
def run(envoy):
    """`run([(way, headers)…])`: the results, in order; `port` to ask somebody else than Envoy."""

    def all_jobs(jobs, port=None):
        url = f"http://127.0.0.1:{port or envoy.port}"
        jobs = [{"way": way, "base_url": url, "headers": headers} for way, headers in jobs]
        done = subprocess.run(["node", str(RUNNER)], input=json.dumps(jobs), capture_output=True, text=True,
                              timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return dict(zip([job["way"] for job in jobs], json.loads(done.stdout), strict=True))

    return all_jobs


def test_an_answer_is_the_same_as_without_the_filter(run, enforce, upstream):
    enforce(policies.NO_HIT)
    for turn in range(3):
        jobs = [(way, {"x-replay": samples(*kind, 3)[turn % len(samples(*kind, 3))].id}) for way, kind in WAYS.items()]
        wanted = run(jobs, upstream.port)
        assert not [way for way, result in wanted.items() if "error" in result]
        assert run(jobs) == wanted


def test_the_kill_switch(run, enforce):
    enforce(policies.KILL)
    results = run([(way, {"x-feature": "checkout"}) for way in WAYS])
    assert {way: result.get("text", result) for way, result in results.items()} == dict.fromkeys(
        WAYS, policies.FALLBACK_TEXT)


def test_a_redacted_answer_and_a_fallback_in_the_middle(run, enforce, upstream):
    cases = {way: samples(*kind, 1)[0] for way, kind in WAYS.items()}
    jobs = [(way, {"x-replay": f"{case.id};chunks=7", "x-feature": case.name}) for way, case in cases.items()]
    wanted = run(jobs, upstream.port)
    for do in ({"redact": policies.REDACTED}, {"fallback": "sorry"}):
        rules = {case.name: policies.guard(f"rule-{number}", policies.literal(phrase_of(case)), do,
                                           when={"feature": case.name})
                 for number, case in enumerate(cases.values())}
        enforce(policies.policy(f"js-{next(iter(do))}", labels={"feature": [{"header": "x-feature"}]},
                                guardrails=list(rules.values()), fallbacks={"sorry": {"text": policies.FALLBACK_TEXT}}))
        for way, result in run(jobs).items():
            assert "error" not in result, (way, result)
            phrase = phrase_of(cases[way])
            assert phrase not in result["text"]
            if "redact" in do:
                assert result["text"] == wanted[way]["text"].replace(phrase, policies.REDACTED), way
            else:
                assert result["text"].endswith(policies.FALLBACK_TEXT), way


def test_a_block_on_input(run, enforce):
    enforce(policies.policy("js-input", guardrails=[policies.guard("no-hello", "Hello", "block", ("input",))]))
    for way, result in run([(way, {}) for way in WAYS]).items():
        assert result.get("status") == 403, (way, result)
        assert "no-hello" in result["message"]


def test_a_failing_upstream(run, enforce, upstream):
    enforce(policies.policy("js-down", failsafe=[
        {"id": "down", "upstream": {"status": [503]}, "do": {"fallback": "sorry"}}],
        fallbacks={"sorry": {"text": policies.FALLBACK_TEXT}}))
    name = upstream.script("503", Answer(b'{"error":{"message":"overloaded"}}', 503))
    results = run([(way, {"x-replay": name}) for way in WAYS])
    assert {way: result.get("text", result) for way, result in results.items()} == dict.fromkeys(
        WAYS, policies.FALLBACK_TEXT)


@pytest.mark.parametrize("way", WAYS)
def test_a_denied_call_is_gone_and_the_others_arrive_intact(way, run, enforce, upstream):
    dialect, stream = WAYS[way]
    tried = 0
    for recording, names in (with_calls(dialect, stream, 2) + with_calls(dialect, stream))[:6]:
        jobs = [(way, {"x-replay": f"{recording.id};chunks=random:3"})]
        before = run(jobs, upstream.port)[way]
        if "error" in before or tried == 2:
            continue  # what the SDK does not take without a filter either
        denied = names[0]
        wanted = [call for call in before["calls"] if call[0] != denied]
        assert len(wanted) < len(before["calls"]), (recording.id, before)
        enforce(deny(denied))
        after = run(jobs)[way]
        assert after.get("calls") == wanted, (recording.id, after)
        assert STOPPED in after["text"] and denied not in str(after["calls"]), recording.id
        tried += 1
    assert tried
