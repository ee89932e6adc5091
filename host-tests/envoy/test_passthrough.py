"""Unchanged means unchanged: with no rule hit, the bytes out are the bytes that upstream sent."""

import pytest

import policies
from rig import recordings
from rig.envoy import EMPTY_POLICY

CUTS = ["1", "7", "random:1", "random:2", "event", "whole"]
# Headers that Envoy itself adds or replaces.
PROXY_HEADERS = {"server", "date", "x-envoy-upstream-service-time", "transfer-encoding", "content-length", "connection"}


def ids(recording):
    return recording.id


@pytest.fixture(params=["empty", "no-hit"], scope="module", autouse=True)
def quiet_policy(request, enforce):
    enforce({"empty": EMPTY_POLICY, "no-hit": policies.NO_HIT}[request.param])
    return request.param


@pytest.mark.parametrize("recording", recordings.answers(stream=True), ids=ids)
def test_a_stream_is_bit_exact_for_every_cut(recording, replay):
    for chunks in CUTS:
        answer = replay(recording, f"chunks={chunks}")
        assert answer.status == 200
        assert answer.body == recording.body, f"chunks={chunks}"
        assert answer.header("content-type") == recording.content_type


@pytest.mark.parametrize("recording", [r for r in recordings.all_recordings() if not r.stream or r.status != 200],
                         ids=ids)
def test_a_whole_answer_is_bit_exact(recording, replay):
    for options in ("chunks=whole;length", "chunks=random:3", "chunks=7;length"):
        answer = replay(recording, options)
        assert answer.status == recording.status
        assert answer.body == recording.body, options
        assert answer.header("content-type") == recording.content_type


@pytest.mark.parametrize("dialect", recordings.DIALECTS)
def test_the_request_arrives_as_it_was_sent(dialect, replay, upstream):
    for recording in recordings.answers(dialect=dialect):
        replay(recording, headers={"x-marker": "kept"})
        call = upstream.last
        assert (call.method, call.path) == (recording.method, recording.path)
        assert call.body == recording.request_body
        assert call.header("x-marker") == "kept"


def test_other_headers_of_the_answer_stay(replay):
    recording = recordings.answers(stream=True)[0]
    added = {name for name, _ in replay(recording).headers} - PROXY_HEADERS - {"content-type"}
    assert added == {"x-hemostat-policy"}


def test_an_answer_that_breaks_off_breaks_off_for_the_caller_too(replay, envoy):
    import http.client

    recording = max(recordings.answers(stream=True, dialect="openai-chat"), key=lambda r: len(r.body))
    for place in (1, len(recording.body) // 2, len(recording.body) - 1):
        with pytest.raises(http.client.IncompleteRead) as broken:
            replay(recording, f"cut={place}")
        assert recording.body.startswith(broken.value.partial)
