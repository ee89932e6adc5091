"""Redaction and fallback in real answers: nothing of a match leaves, the rest does, and no cut changes it."""

import pytest

import policies
from cases import phrase_of
from rig import recordings, texts

CUTS = ["1", "7", "random:5", "event", "whole"]
# Kept apart from the answer's text: what the provider repeats of the request, and opaque values.
NOT_THE_ANSWER = {"instructions", "tools", "encrypted_content", "arguments", "input", "partial_json", "args"}


CASES = [(recording, phrase) for recording in recordings.answers() if (phrase := phrase_of(recording))]


def case_id(case):
    return case[0].id


def is_elsewhere(recording, phrase):
    """True where the phrase stands in one piece in something else, a citation or a tool's result, before the running
    text has it. The answer is then cut there already."""
    so_far = texts.Read()
    for document in texts.documents(recording.body):
        texts.READERS[recording.dialect](so_far, document, recording.stream)
        if any(phrase in text for text in so_far.texts.values()):
            return False
        if any(phrase in text for text in texts.strings(document)):
            return True
    return False


def many_messages(recording):
    """True for recordings that hold several messages in one stream: for a client the first ending is the last."""
    return texts.read(recording.dialect, recording.body).types.count("message_start") > 1


def rule_for(phrase, do):
    return policies.policy(
        f"hit-{abs(hash(phrase)) % 10**9}",
        guardrails=[policies.guard("phrase", policies.literal(phrase), do)],
        fallbacks={"sorry": {"text": policies.FALLBACK_TEXT}},
    )


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_phrase_is_redacted_and_nothing_else(case, enforce, replay):
    recording, phrase = case
    enforce(rule_for(phrase, {"redact": policies.REDACTED}))
    before = texts.read(recording.dialect, recording.body)
    for chunks in CUTS:
        answer = replay(recording, f"chunks={chunks}")
        assert answer.status == 200
        after = texts.read(recording.dialect, answer.body)
        wanted = {key: text.replace(phrase, policies.REDACTED) for key, text in before.texts.items()}
        assert after.texts == wanted, f"chunks={chunks}"
        wanted = {key: text.replace(phrase, policies.REDACTED) for key, text in before.repeats.items()}
        assert after.repeats == wanted, f"chunks={chunks}"
        assert after.calls == before.calls
        assert after.ends == before.ends
        for document in texts.documents(answer.body):
            assert not any(phrase in text for text in texts.strings(document, NOT_THE_ANSWER))
    assert answer.header("x-hemostat-policy") == rule_for(phrase, "block")["version"]


@pytest.mark.parametrize("case", [case for case in CASES if not many_messages(case[0])], ids=case_id)
def test_a_fallback_takes_the_place_of_the_rest(case, enforce, replay):
    recording, phrase = case
    enforce(rule_for(phrase, {"fallback": "sorry"}))
    before = texts.read(recording.dialect, recording.body)
    key, original = next((key, text) for key, text in before.texts.items() if phrase in text)
    seen = set()
    for chunks in CUTS:
        answer = replay(recording, f"chunks={chunks}")
        assert answer.status == 200
        after = texts.read(recording.dialect, answer.body)
        seen.add(after.text)
        assert phrase not in after.text
        assert policies.FALLBACK_TEXT in after.text
        assert after.text.endswith(policies.FALLBACK_TEXT)
        assert len(after.ends) >= 1
        if recording.stream and not is_elsewhere(recording, phrase):
            assert after.texts[key].startswith(original[:original.index(phrase)])
        following = original[original.index(phrase) + len(phrase):][:40].strip()
        if len(following) > 20:
            assert following not in after.text
        for document in texts.documents(answer.body):
            assert not any(phrase in text for text in texts.strings(document, NOT_THE_ANSWER))
    assert len(seen) == 1, "the text out depends on where the chunks were cut"
