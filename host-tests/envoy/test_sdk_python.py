"""The official Python SDKs as clients: they get what they would get without the filter, and parse all that it makes."""

import concurrent.futures

import openai
import pytest

import policies
import sdks
from cases import phrase_of, samples
from rig.replay import Answer


@pytest.fixture(params=sdks.WAYS)
def way(request):
    return sdks.WAYS[request.param]


@pytest.fixture(params=[False, True], ids=["http1", "http2"])
def http2(request):
    return request.param


@pytest.fixture
def url(envoy):
    return f"http://127.0.0.1:{envoy.port}"


@pytest.fixture
def direct(upstream):
    """The answer that an SDK gets from upstream itself."""

    def ask(call, recording):
        return call(f"http://127.0.0.1:{upstream.port}", {"x-replay": recording.id}, False)

    return ask


def test_an_answer_is_the_same_as_without_the_filter(way, http2, url, direct, enforce):
    call, dialect, stream = way
    enforce(policies.NO_HIT)
    for recording in samples(dialect, stream):
        assert call(url, {"x-replay": f"{recording.id};chunks=random:4"}, http2) == direct(call, recording)


def test_the_kill_switch(way, http2, url, enforce, upstream):
    call, _, _ = way
    enforce(policies.KILL)
    before = len(upstream.calls)
    assert call(url, {"x-feature": "checkout"}, http2)["text"] == policies.FALLBACK_TEXT
    assert len(upstream.calls) == before


def test_a_redacted_answer(way, http2, url, direct, enforce):
    call, dialect, stream = way
    for recording in samples(dialect, stream, 2):
        phrase = phrase_of(recording)
        enforce(policies.policy("sdk-redact", guardrails=[
            policies.guard("phrase", policies.literal(phrase), {"redact": policies.REDACTED})]))
        wanted = direct(call, recording)
        wanted["text"] = wanted["text"].replace(phrase, policies.REDACTED)
        assert call(url, {"x-replay": f"{recording.id};chunks=7"}, http2) == wanted


def test_a_fallback_in_the_middle(way, http2, url, direct, enforce):
    call, dialect, stream = way
    for recording in samples(dialect, stream, 2):
        phrase = phrase_of(recording)
        enforce(policies.policy("sdk-fallback", guardrails=[
            policies.guard("phrase", policies.literal(phrase), {"fallback": "sorry"})],
            fallbacks={"sorry": {"text": policies.FALLBACK_TEXT}}))
        answer = call(url, {"x-replay": f"{recording.id};chunks=7"}, http2)
        assert answer["text"].endswith(policies.FALLBACK_TEXT)
        assert phrase not in answer["text"]
        assert set(answer["ends"]) <= {"stop", "completed", "end_turn", "STOP"}


def test_a_block_on_output_ends_as_a_refusal(way, url, enforce):
    call, dialect, stream = way
    recording = samples(dialect, stream, 1)[0]
    phrase = phrase_of(recording)
    enforce(policies.policy("sdk-block", guardrails=[policies.guard("phrase", policies.literal(phrase), "block")]))
    if call in (sdks.chat_helper, sdks.responses_helper):
        # These helpers raise where an answer was ended by a filter.
        with pytest.raises((openai.ContentFilterFinishReasonError, RuntimeError)) as caught:
            call(url, {"x-replay": recording.id}, False)
        assert phrase not in str(caught.value)
        return
    answer = call(url, {"x-replay": recording.id}, False)
    assert phrase not in answer["text"]
    assert set(answer["ends"]) & {"content_filter", "incomplete", "refusal", "SAFETY", "PROHIBITED_CONTENT"}


def test_a_block_on_input_raises_the_sdks_own_error(way, http2, url, enforce, upstream):
    call, _, _ = way
    enforce(policies.policy("sdk-input", guardrails=[policies.guard("no-hello", "Hello", "block", ("input",))]))
    before = len(upstream.calls)
    with pytest.raises(sdks.API_ERRORS) as caught:
        call(url, {}, http2)
    assert sdks.status_of(caught.value) == 403
    assert "no-hello" in str(caught.value)
    assert "Hello" not in str(caught.value)
    assert len(upstream.calls) == before


def test_a_failing_upstream(way, url, enforce, upstream):
    call, _, _ = way
    enforce(policies.policy("sdk-down", failsafe=[
        {"id": "down", "upstream": {"status": [503], "timeout": True}, "do": {"fallback": "sorry"}}],
        fallbacks={"sorry": {"text": policies.FALLBACK_TEXT}}))
    name = upstream.script("503", Answer(b'{"error":{"message":"overloaded"}}', 503))
    assert call(url, {"x-replay": name}, False)["text"] == policies.FALLBACK_TEXT


def test_many_at_once(http2, url, direct, enforce):
    enforce(policies.NO_HIT)
    jobs = [(call, recording) for call, dialect, stream in sdks.WAYS.values()
            for recording in samples(dialect, stream, 2)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda job: job[0](url, {"x-replay": f"{job[1].id};pace=1"}, http2), jobs))
    assert results == [direct(*job) for job in jobs]
