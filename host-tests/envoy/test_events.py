"""Events on a real Envoy: each kind reaches its receiver, and a receiver that is down costs traffic nothing."""

import json
import os
import re
import subprocess
import time

import pytest
from scripted import chat
from test_tools import one_call

import policies
from rig import recordings, texts
from rig.client import fetch
from rig.receiver import Receiver
from rig.releases import EVE, ONCALL, Proxy, hemostat, release
from rig.replay import Answer

SECRET = "sesame-opens-the-door"
NOTIFY = {"cluster": "alerts", "path": "/hook", "authority": "hooks.internal"}
LABELS = {
    "tenant": [{"header": "x-tenant"}],
    "key": [{"header": "authorization", "digest": True}],
    "feature": [{"header": "x-feature"}],
}
WATCHED = policies.policy(
    "watched",
    labels=LABELS,
    notify=NOTIFY,
    guardrails=[policies.guard("secret", SECRET, "block", ("output", "input"))],
    tools=[{"id": "gone", "match": "delete_*", "do": "deny"}, {"id": "ask", "match": "*", "do": "approve"}],
    limits=[{"id": "rpm", "per": ["tenant"], "allow": {"requests": 4, "every": "1h"}, "warn_at": [0.5],
             "when": {"tenant": "counted*"}}],
    failsafe=[{"id": "kill", "when": {"feature": "checkout"}, "do": {"fallback": "human"}}],
    fallbacks={"human": {"text": "A colleague answers.", "handoff": True}},
)


def with_events(upstream, receiver_port, policy=WATCHED, show_labels=("tenant",), **plugin):
    """A proxy whose events go to this port; its control listener shows these labels."""
    plugin = {"allow": {"clusters": ["alerts"]}} | plugin
    proxy = Proxy(upstream.port, policy, plugin=plugin, show_labels=show_labels)
    proxy.add_cluster("alerts", receiver_port)
    return proxy


@pytest.fixture(scope="module")
def receiver():
    """The receiver of the module's events."""
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(upstream, receiver):
    """A proxy that tells of what it does."""
    with with_events(upstream, receiver.port) as running:
        yield running
        assert running.alive(), running.log_tail()


@pytest.fixture(scope="module")
def command():
    """`command(proxy, *words)`: runs `hemostat`, aimed at a proxy; gives exit code, output and what it said."""
    binary = hemostat()

    def run(proxy, *words):
        env = os.environ | {"HEMOSTAT_PROXIES": proxy.url}
        done = subprocess.run([binary, *map(str, words)], capture_output=True, text=True, env=env, timeout=60)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def oncall_key(tmp_path):
    """The on-call key of the rig, as the command keeps keys."""
    return ONCALL.write(tmp_path)


def ask(proxy, x_replay=None, *, headers=None, text="Hello"):
    """A small chat request through this proxy."""
    fields = ({"x-replay": x_replay} if x_replay else {}) | (headers or {})
    return fetch(proxy.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False, text),
                 fields)


def replay(proxy, recording, headers=None):
    fields = {"x-replay": f"{recording.id};chunks=7"} | (headers or {})
    return fetch(proxy.port, recording.method, recording.path, recording.request_body, fields)


def test_a_block_is_told_with_the_id_of_its_decision(proxy, receiver, upstream):
    credential = "sk-test-4711"
    answer = ask(proxy, upstream.script("blocked", Answer(chat(f"so {SECRET} it is"))),
                 headers={"x-tenant": "blocked & co", "authorization": f"Bearer {credential}"})
    event = receiver.wait_for("decision", **{"hemostat.rule": "secret"})
    assert event["hemostat.decision"] == answer.header("x-hemostat-decision")
    assert event["hemostat.action"] == "block"
    assert event["gen_ai.request.model"] == "m"
    assert (event["hemostat.dialect"], event["hemostat.policy_version"]) == ("openai-chat", "watched")
    assert event["labels"] == {"tenant": "blocked & co"}
    assert event["scope"] == "prod-eu" and event["count"] == 1
    path, headers = receiver.requests[0]
    assert (path, headers["host"], headers["content-type"]) == ("/hook", "hooks.internal", "application/json")
    assert not any(word in json.dumps(receiver.events) for word in (SECRET, credential, "sha256:"))


def test_a_handoff_is_told(proxy, receiver):
    answer = ask(proxy, headers={"x-feature": "checkout"})
    event = receiver.wait_for("handoff")
    assert event["hemostat.decision"] == answer.header("x-hemostat-decision")
    assert receiver.wait_for("decision", **{"hemostat.rule": "kill"})["hemostat.action"] == "fallback"


def test_a_threshold_is_told_once_an_account(proxy, receiver):
    for tenant in ("counted-a", "counted-b"):
        for _ in range(6):
            ask(proxy, headers={"x-tenant": tenant})
    for tenant in ("counted-a", "counted-b"):
        warned = receiver.wait_for("limit_warning", account={"tenant": tenant})
        assert (warned["hemostat.limit.percent"], warned["hemostat.rule"], warned["count"]) == (50, "rpm", 1)
        full = receiver.wait_for("limit_full", account={"tenant": tenant})
        assert (full["hemostat.action"], full["hemostat.limit.unit"]) == ("reject", "requests")
    time.sleep(0.5)
    warnings = [event for event in receiver.events if event["event"] == "limit_warning"]
    assert len(warnings) == 2
    assert proxy.count("hemostat_limit_warnings_total", rule="rpm", percent="50") == 2


def test_what_was_not_checked_is_told(proxy, receiver, upstream):
    ask(proxy, upstream.script("plain", Answer(chat("hi"))) + ";gzip")
    event = receiver.wait_for("unchecked", **{"hemostat.reason": "encoding"})
    assert event["hemostat.action"] == "block"


def test_repeats_are_counted_together(proxy, receiver, upstream):
    script = upstream.script("again", Answer(chat(f"so {SECRET} it is")))
    before = proxy.count("hemostat_events_total", kind="decision", outcome="counted")
    for _ in range(200):
        ask(proxy, script)
    proxy._until(5, "the repeats", lambda: proxy.count("hemostat_events_total", kind="decision", outcome="counted")
                 >= before + 190)
    told = [event for event in receiver.events if event.get("hemostat.rule") == "secret"]
    assert len(told) <= 2  # one a worker


def test_a_release_is_told(proxy, receiver):
    serial = proxy.status()["serial"] + 1
    proxy.post(release(serial, WATCHED | {"version": "watched"}))
    event = receiver.wait_for("release_active", **{"hemostat.policy_serial": serial})
    assert event["hemostat.policy_version"] == "watched"
    proxy.post(release(serial + 1, WATCHED, EVE))
    refused = receiver.wait_for("release_refused")
    assert refused["hemostat.reason"] == "untrusted"
    elsewhere = WATCHED | {"notify": NOTIFY | {"cluster": "model"}}
    status, said = proxy.post(release(serial + 1, elsewhere))
    assert (status, said["code"]) == (403, "not-allowed")


def test_a_stopped_call_is_told_approved_and_let_through_once(proxy, receiver, command, oncall_key):
    recording = one_call()
    (tool, _), = texts.read("openai-chat", recording.body).calls.values()
    waiting = replay(proxy, recording, {"x-tenant": "acme"})
    id_ = re.search(rb"needs approval: (ap_[A-Z2-7]{32})", waiting.body).group(1).decode()

    event = receiver.wait_for("approval_wanted", **{"hemostat.approval.id": id_})
    assert (event["gen_ai.tool.name"], event["tenant"]) == (tool, "acme")
    assert "gen_ai.tool.call.arguments" not in event
    assert re.search(rf"approval={id_} tool={tool} tenant=acme", proxy.log())
    (pending,) = [call for call in proxy.status()["pending_approvals"] if call["id"] == id_]
    assert (pending["tool"], pending["tenant"], pending["count"]) == (tool, "acme", 1)

    code, grant, said = command(proxy, "approve", id_, "--key", oncall_key)
    assert code == 0, said
    assert tool in said and "acme" in said
    headers = {"x-tenant": "acme", "x-hemostat-approval": grant.strip()}
    assert replay(proxy, recording, headers).body == recording.body
    receiver.wait_for("approval_granted", **{"hemostat.approval.id": id_})
    assert not [call for call in proxy.status()["pending_approvals"] if call["id"] == id_]
    again = replay(proxy, recording, headers)
    assert b"the grant was used before" in again.body
    refused = receiver.wait_for("approval_wanted", **{"hemostat.approval.grant": "used"})
    assert refused["hemostat.approval.id"] == id_


def test_an_id_that_no_proxy_knows_is_signed_blindly_alone(proxy, command, oncall_key):
    unknown = "ap_" + "A" * 32
    code, grant, said = command(proxy, "approve", unknown, "--key", oncall_key)
    assert (code, grant) == (1, "")
    assert "--blind" in said
    assert command(proxy, "approve", unknown, "--key", oncall_key, "--blind")[0] == 0


def test_status_shows_balances_and_names_what_may_be_named(proxy, command, upstream):
    for _ in range(2):
        ask(proxy, headers={"x-tenant": "counted-status"})
    balances = proxy.status()["balances"]["rpm"]
    assert (balances["unit"], balances["cap"], balances["counts"]) == ("requests", "4 requests", "per proxy")
    assert balances["accounts"] >= 1
    shares = {account["labels"]["tenant"]: account["share"] for account in balances["fullest"]}
    assert shares["counted-status"] == pytest.approx(0.5, abs=0.01)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    code, table, _ = command(proxy, "status")
    assert code == 0
    assert "rpm=" in table and "BUDGETS" in table
    with with_events(upstream, 9, show_labels=()) as closed:
        ask(closed, headers={"x-tenant": "counted-hidden"})
        shown = closed.status()["balances"]["rpm"]["fullest"]
        assert shown[0]["labels"] == {} and "counted-hidden" not in json.dumps(closed.status())


def test_arguments_are_told_where_capture_says_so_redacted(upstream):
    arguments = {"order": "A-17", "note": f"{SECRET} for ann"}
    call = {"id": "c", "type": "function", "function": {"name": "refund", "arguments": json.dumps(arguments)}}
    body = json.loads(chat("x"))
    body["choices"][0] |= {"finish_reason": "tool_calls",
                           "message": {"role": "assistant", "content": None, "tool_calls": [call]}}
    script = upstream.script("refund", Answer(json.dumps(body).encode()))
    with Receiver() as receiver, with_events(upstream, receiver.port, WATCHED | {"capture": ["tool_args"]}) as proxy:
        assert b"needs approval" in ask(proxy, script).body
        kept = receiver.wait_for("approval_wanted")["gen_ai.tool.call.arguments"]
        assert kept == {"order": "A-17", "note": "[REDACTED]"}
        assert proxy.status()["pending_approvals"][0]["arguments"] == kept
        assert SECRET not in proxy.log()
        # A release may ask for it only where the configuration says so.
        status, said = proxy.post(release(1, WATCHED | {"capture": True}))
        assert (status, said["code"]) == (403, "not-allowed")


@pytest.mark.parametrize("trouble", ["down", "hangs", "refuses"])
def test_a_bad_receiver_costs_traffic_nothing(trouble, upstream):
    with Receiver() as receiver:
        port = 9 if trouble == "down" else receiver.port
        if trouble == "hangs":
            receiver.hangs.set()
        receiver.status = 404
        with with_events(upstream, port) as proxy:
            script = upstream.script("trouble", Answer(chat(f"so {SECRET} it is")))
            for number in range(100):
                assert ask(proxy, script).status == 200
                assert ask(proxy, headers={"x-tenant": f"counted-{number}"}).status == 200
            outcome = "retry" if trouble != "refuses" else "failed"
            proxy._until(20, "a try that failed", lambda: proxy.count("hemostat_events_total", outcome=outcome) > 0)
            assert ask(proxy, script).status == 200
            assert proxy.alive()


def test_a_cluster_that_does_not_exist_is_counted(upstream):
    policy = WATCHED | {"notify": NOTIFY | {"cluster": "nowhere"}}
    with with_events(upstream, 9, policy) as proxy:
        ask(proxy, headers={"x-feature": "checkout"})
        proxy._until(20, "host trouble", lambda: proxy.count("hemostat_host_trouble_total", reason="http_call") > 0)
        assert ask(proxy).status == 200
