"""Lever 4 on a real Envoy: stopped calls never reach the SDKs, and a grant lets a call through once in all workers."""

import collections
import datetime
import json
import re

import pytest

import policies
import sdks
from rig import recordings, texts
from rig.releases import EVE, ONCALL, sign

STOPPED = "was stopped by policy"
GRANT_TYPE = "application/vnd.hemostat.grant+json"
CUTS = ["1", "7", "random:5", "event", "whole"]


def with_calls(dialect, stream, least=1):
    """Recorded answers with calls of so many tools that the caller carries out."""
    found = []
    for recording in recordings.answers(stream=stream, dialect=dialect):
        if recording.body.count(b"event: response.created") > 1:
            continue  # several answers, joined: what a client makes of them is its own affair
        if dialect == "openai-responses" and stream and b"event: response.completed" not in recording.body:
            continue  # the SDK's helper raises for it without a filter too
        names = {call[0] for call in texts.read(dialect, recording.body).calls.values() if call[0]}
        if len(names) >= least and recording.framing != "json-array":
            found.append((recording, sorted(names)))
    return found


def deny(*tools):
    return policies.policy(f"deny-{abs(hash(tools)) % 10**9}", tools=[{"match": list(tools), "do": "deny"}])


@pytest.fixture(params=sdks.WAYS)
def way(request):
    return sdks.WAYS[request.param]


def test_sdks_parse_answers_whose_calls_were_stopped(way, envoy, enforce):
    call, dialect, stream = way
    enforce(deny("*"))
    tried = 0
    for recording, _ in with_calls(dialect, stream)[:12]:
        answer = call(f"http://127.0.0.1:{envoy.port}", {"x-replay": f"{recording.id};chunks=random:4"}, False)
        assert STOPPED in answer["text"], recording.id
        assert not set(answer["ends"]) & {"tool_calls", "tool_use", "function_call"}, recording.id
        tried += 1
    # Of Interactions there is one recording with a call, made by hand.
    assert tried >= (1 if dialect == "gemini-interactions" else 3)


@pytest.mark.parametrize("dialect", recordings.DIALECTS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_nothing_of_a_stopped_call_leaves(dialect, stream, enforce, replay):
    enforce(deny("*"))
    for recording, _ in with_calls(dialect, stream)[:8]:
        # Ids of what is said in place of calls carry the decision's id.
        bodies = {re.sub(rb"(msg_hemostat_)[a-z2-7]{16}", rb"\1", replay(recording, f"chunks={cut}").body)
                  for cut in CUTS}
        assert len(bodies) == 1, f"{recording.id}: the answer depends on where it was cut"
        assert not texts.read(dialect, bodies.pop()).calls, recording.id


@pytest.mark.parametrize("dialect", recordings.DIALECTS)
def test_the_other_calls_arrive_intact(dialect, enforce, replay):
    tried = 0
    for recording, names in (with_calls(dialect, True, 2) + with_calls(dialect, False, 2))[:6]:
        before = texts.read(dialect, recording.body).calls.values()
        for name in names:
            enforce(deny(name))
            after = texts.read(dialect, replay(recording, "chunks=7").body).calls.values()
            after = [call for call in after if call[0]]  # pieces of Gemini's that go on have no name
            wanted = [call for call in before if call[0] and call[0] != name]
            assert sorted(map(str, after)) == sorted(map(str, wanted)), f"{recording.id} without {name}"
            tried += 1
    assert tried or dialect == "openai-responses"


def grant(key=ONCALL, minutes=10, **fields):
    """A grant, signed by an implementation of DSSE that is not ours."""
    now = datetime.datetime.now(datetime.timezone.utc)
    payload = {
        "scope": "prod-eu",
        "issued_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "expires": (now + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nonce": str(now.timestamp()),
    }
    return sign(payload | fields, key, payload_type=GRANT_TYPE)


@pytest.fixture
def approving(envoy):
    """Every call needs leave, which the on-call key may give."""
    policy = policies.policy(
        "approve-all",
        labels={"tenant": [{"header": "x-tenant"}]},
        tools=[{"id": "ask", "match": "*", "do": "approve"}],
    )
    trust = {"keys": {"oncall": {"key": ONCALL.public, "may": ["approve"]},
                      "eve": {"key": EVE.public, "may": ["rollback"]}}}
    plugin = envoy.plugin(policy) | {"trust": trust, "scope": "prod-eu"}
    accepted, log = envoy.try_plugin(plugin)
    assert accepted, log
    envoy.policy = None
    return envoy


def one_call(dialect="openai-chat"):
    """A recording with one call."""
    for recording, _ in with_calls(dialect, True):
        if len(texts.read(dialect, recording.body).calls) == 1:
            return recording
    raise AssertionError("no recording with one call")


def approval(answer):
    return re.search(rb"needs approval: (ap_[A-Z2-7]{32})", answer.body).group(1).decode()


@pytest.mark.parametrize("dialect", recordings.DIALECTS)
def test_a_grant_lets_a_call_through_once_in_all_workers(dialect, approving, replay):
    recording = one_call(dialect)
    waiting = replay(recording, "chunks=7", {"x-tenant": "acme"})
    assert not texts.read(dialect, waiting.body).calls
    header = grant(approval=approval(waiting), tenant="acme")
    fields = {"x-tenant": "acme", "x-hemostat-approval": header}
    answers = [replay(recording, "chunks=7", fields) for _ in range(8)]
    through = [answer for answer in answers if answer.body == recording.body]
    assert len(through) == 1
    assert all(b"the grant was used before" in answer.body for answer in answers if answer.body != recording.body)


def test_grants_that_are_none(approving, replay):
    recording = one_call()
    id_ = approval(replay(recording, "chunks=whole"))
    other = id_[:-1] + ("A" if id_[-1] != "A" else "B")
    good = json.loads(grant(approval=id_))
    altered = good | {"payload": json.loads(grant(approval=id_, minutes=20))["payload"]}
    refused = {
        "not signed by a key": [grant(EVE, approval=id_), json.dumps(altered)],
        "another call": [grant(approval=other), grant(any_args_of="another_tool")],
        "another tenant": [grant(approval=id_, tenant="acme")],
        "another scope": [grant(approval=id_, scope="staging")],
        "has expired": [grant(approval=id_, minutes=-1)],
        "longer than an hour": [grant(approval=id_, minutes=61)],
        "from the future": [grant(approval=id_, issued_at="2099-01-01T00:00:00Z", expires="2099-01-01T00:10:00Z")],
        "cannot be read": ["nonsense", sign({"approval": id_}, ONCALL)],
        "too big": [grant(approval=id_, nonce="n" * 5000)],
    }
    for why, headers in refused.items():
        for header in headers:
            answer = replay(recording, "chunks=whole", {"x-hemostat-approval": header})
            assert why.encode() in answer.body, (why, answer.body)
            assert not texts.read("openai-chat", answer.body).calls


def test_a_denied_tool_is_not_offered_to_the_model(enforce, envoy, upstream, replay):
    enforce(deny("*"))
    counts = collections.Counter()
    for recording, _ in with_calls("openai-chat", True)[:5]:
        if recording.request and b'"tools"' in recording.request:
            replay(recording, "chunks=whole")
            body = json.loads(upstream.calls[-1].body)
            counts["tools" in body or "tool_choice" in body] += 1
    assert counts[False] and not counts[True], counts
