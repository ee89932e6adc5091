"""The runbook on two proxies: each page against an incident of its kind, from what is typed to what callers get; and
the moments in which two people, a restart or a broken drill could make it worse."""

import concurrent.futures
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from test_in_force import change

import policies
from rig import recordings
from rig.client import fetch
from rig.envoy import ROOT, load_sample
from rig.releases import EVE, ONCALL, OPS, TOKEN, Proxy, hemostat
from rig.replay import Answer

CHAT = "/v1/chat/completions"
BASE = """
hemostat: 1
version: day
labels:
  tenant: [{header: x-tenant}]
  feature: [{header: x-feature}]
trusted_headers: [x-tenant, x-feature]
guardrails:
  - {id: accounts, scan: [output], find: ['acct-[0-9]{4}'], do: {redact: "[ACCOUNT]"}}
"""
OVERLAYS = {
    "sev1-stop-agents": None,
    "sev2-switch-provider": None,
    "sev3-tighten": None,
    "kill-checkout": ("sev1-kill-feature", ()),
    "cost-cap": ("sev2-cost-cap", (("usd: 20,", "usd: 0.000001,"),)),
}
# What each page took, for whoever wants to read it: `pytest -s -k page`.
TIMES = {}


def allowed():
    """What the sample lets a release do."""
    listener = load_sample("control/envoy.yaml")["static_resources"]["listeners"][0]
    (wasm, _) = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    return json.loads(wasm["typed_config"]["config"]["configuration"]["value"])["allow"]


@pytest.fixture(scope="module")
def fleet(upstream):
    """Two proxies that follow one scope, and allow what the sample allows."""
    more = {"allow": allowed()}
    with Proxy(upstream.port, policies.policy("baseline"), plugin=more) as one, Proxy(
        upstream.port, policies.policy("baseline"), plugin=more
    ) as two:
        yield [one, two]
        for name, seconds in TIMES.items():
            print(f"{name}: {seconds:.2f} s from the first word typed to the last caller that was looked at")


@pytest.fixture
def desk(fleet, command, tmp_path):
    """On-call's desk: a folder with keys, the policy of the day and the prepared overlays, all in force everywhere."""
    for key in (OPS, ONCALL):
        key.write(tmp_path)
    (tmp_path / "policy.yaml").write_text(BASE)
    for name, made in OVERLAYS.items():
        source, changes = made or (name, ())
        text = (ROOT / "policies" / "overlays" / f"{source}.yaml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / f"{name}.yaml").write_text(text)
    names = "".join(f"  - {name}.yaml\n" for name in OVERLAYS)
    (tmp_path / "hemostat.yaml").write_text(f"scope: prod-eu\noverlays:\n{names}history: releases.jsonl\n")
    desk = Desk(fleet, command, tmp_path)
    desk.types("release", "policy.yaml", "--key", OPS_KEY, "--out", "current.json", "--reason", "the day")
    desk.types("push", "current.json", "--wait")
    return desk


OPS_KEY, ONCALL_KEY = f"{OPS.name}.key", f"{ONCALL.name}.key"


class Desk:
    """Types commands in a folder, and asks the proxies as callers do."""

    def __init__(self, fleet, command, folder):
        self.fleet, self.command, self.folder = fleet, command, folder
        self.began = None

    def types(self, *words, code=0, proxies=None):
        self.began = self.began or time.monotonic()
        got, said = self.command(*words, proxies=self.fleet if proxies is None else proxies, cwd=self.folder)
        assert got == code, f"{words}: {got}\n{said}"
        return said

    def activates(self, name):
        file = f"current.prepared/{name}.json"
        return self.types("activate", file, "--key", ONCALL_KEY, "--reason", "INC-1", "--wait")

    def back(self, *more):
        return self.types("rollback", "--key", ONCALL_KEY, "--reason", "INC-1", "--wait", *more)

    def asks(self, text="Hello", script=None, **headers):
        """One answer of each worker, more or less: what callers get."""
        body = json.loads(recordings.minimal_request("openai-chat", False, text))
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers |= {"x-replay": script} if script else {}
        for proxy in self.fleet:
            for _ in range(4):
                yield fetch(proxy.port, "POST", CHAT, json.dumps(body).encode(), headers)

    def effect(self, page, holds, **asked):
        """All callers get it: since when it was first typed."""
        for answer in self.asks(**asked):
            assert holds(answer), (page, answer.status, answer.headers, answer.body[:300])
        TIMES[page] = time.monotonic() - self.began
        self.began = None

    def versions(self):
        return {answer.header("x-hemostat-policy") for answer in self.asks()}


def says(upstream, name, text, **message):
    """A script that answers so."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text} | message}
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return upstream.script(name, Answer(json.dumps(body).encode()))


def acted(answer):
    return answer.header("x-hemostat-action") or ""


# --- the pages --------------------------------------------------------------------------------------------------


def test_page_take_the_last_release_back(desk):
    bad = BASE.replace("version: day", "version: bad").replace("acct-[0-9]{4}", "[a-z]")
    (desk.folder / "bad.yaml").write_text(bad)
    desk.types("release", "bad.yaml", "--key", OPS_KEY, "--out", "bad.json")
    desk.types("push", "bad.json", "--wait")
    assert desk.versions() == {"bad"}
    desk.began = None
    assert "version day" in desk.back()
    desk.effect("take the last release back", lambda answer: answer.header("x-hemostat-policy") == "day")
    # What on-call can put in force is what it was.
    assert "PREPARED" in desk.types("status")


def test_page_a_prompt_is_bad(desk, upstream):
    text = (ROOT / "policies" / "overlays" / "sev2-rollback-prompt.yaml").read_text()
    (desk.folder / "bad-prompt.yaml").write_text(text)
    desk.types("release", "policy.yaml", "--overlay", "bad-prompt.yaml", "--until", "4h", "--reason", "INC-1",
               "--key", OPS_KEY, "--out", "current.json")
    desk.types("push", "current.json", "--wait")
    seen = len(upstream.calls)
    desk.effect("a prompt is bad", lambda answer: "rollback-prompt:rollback" in acted(answer),
                x_prompt="support", x_prompt_version="43")
    versions = {call.header("x-prompt-version") for call in upstream.calls[seen:] if call.header("x-prompt")}
    assert versions == {"42"}
    desk.back()


def test_page_money_runs_away(desk, upstream):
    dear = says(upstream, "dear", "a long answer")
    desk.activates("cost-cap")
    desk.effect("money runs away", lambda answer: "cost-cap" in acted(answer), script=dear, x_tenant="acme")
    desk.back()


def test_page_data_leaks(desk, upstream):
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    leak = says(upstream, "leak", f"the key is {secret}")
    desk.activates("sev3-tighten")
    desk.effect("data leaks", lambda answer: "tighten-secrets:block" in acted(answer)
                and secret.encode() not in answer.body, script=leak)
    desk.back()


def test_page_an_agent_does_harm(desk, upstream):
    call = {"id": "call_1", "type": "function", "function": {"name": "delete_all", "arguments": "{}"}}
    harm = says(upstream, "harm", None, tool_calls=[call])
    desk.activates("sev1-stop-agents")
    desk.effect("an agent does harm", lambda answer: "stop-agents:deny" in acted(answer)
                and b"delete_all" not in answer.body.replace(b"`delete_all`", b""), script=harm)
    desk.back()


def test_page_the_provider_is_down(desk):
    desk.activates("sev2-switch-provider")
    desk.effect("the provider is down", lambda answer: "switch-provider:switch" in acted(answer))
    # It is the other provider that was asked, as the page tells to look.
    for proxy in desk.fleet:
        proxy._until(5, "the access log", lambda log=proxy.dir / "access.log": '"upstream":"second"' in log.read_text())
    desk.back()


def test_page_stop_one_feature(desk):
    desk.activates("kill-checkout")
    desk.effect("stop one feature", lambda answer: b"A colleague will take over" in answer.body, x_feature="checkout")
    assert all(answer.status == 200 and not acted(answer) for answer in desk.asks(x_feature="search"))
    assert "kill-feature" in desk.types("status")
    desk.back()


def test_page_a_rule_hits_too_much(desk, upstream):
    account = says(upstream, "account", "it is acct-1234")
    assert all(b"[ACCOUNT]" in answer.body for answer in desk.asks(script=account))
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    (desk.folder / "off.yaml").write_text(
        f"{{hemostat: 1, version: without-accounts, disable: [{{rule: accounts, until: {ends}}}]}}"
    )
    desk.began = None
    desk.types("release", "policy.yaml", "--overlay", "off.yaml", "--key", OPS_KEY, "--out", "current.json")
    desk.types("push", "current.json", "--wait")
    desk.effect("a rule hits too much", lambda answer: b"acct-1234" in answer.body, script=account)
    desk.back()


def test_page_a_push_does_not_arrive(desk):
    """One proxy missed a release, and restarts: it is told of, and one command brings it in line."""
    one, two = desk.fleet
    (desk.folder / "next.yaml").write_text(BASE.replace("version: day", "version: next"))
    desk.types("release", "next.yaml", "--key", OPS_KEY, "--out", "next.json")
    desk.types("push", "next.json", "--wait", proxies=[one])
    said = desk.types("status", code=1)
    assert "differ" in said, said
    desk.types("rollback", "--key", ONCALL_KEY, code=1)
    desk.began = None
    desk.types("sync", "--wait")
    desk.effect("a push does not arrive", lambda answer: answer.header("x-hemostat-policy") == "next")
    two.restart()
    assert "differ" in desk.types("status", code=1)
    desk.types("sync", "--wait")
    assert desk.versions() == {"next"}
    desk.types("status")


def test_page_the_proxies_have_no_policy(desk, upstream):
    with Proxy(upstream.port, None) as bare:
        refused = fetch(bare.port, "POST", CHAT, recordings.minimal_request("openai-chat", False))
        assert (refused.status, refused.header("retry-after")) == (503, "1") and b"no_policy" in refused.body
        desk.began = None
        desk.types("push", "current.json", "--wait", proxies=[bare])
        desk.fleet = [bare]
        desk.effect("the proxies have no policy", lambda answer: answer.header("x-hemostat-policy") == "day")


# --- what could make it worse -----------------------------------------------------------------------------------


def test_serving_it_means_that_every_listener_acts_by_it(desk, upstream):
    broken = Proxy(upstream.port, policies.policy("baseline"))
    change(broken, "llm", trust={"keys": {"ops-2026": EVE.public}})
    with broken:
        said = desk.types("push", "current.json", "--wait", "--within", 3, proxies=[desk.fleet[0], broken], code=1)
        assert "untrusted" in said, said
        said = desk.types("status", proxies=[broken], code=1)
        assert "not acted by" in said and "untrusted" in said, said
    # An upstream that this proxy's configuration does not allow is no lever: refused by name.
    narrow = Proxy(upstream.port, policies.policy("baseline"))
    with narrow:
        desk.types("push", "current.json", "--wait", proxies=[narrow])
        said = desk.types("activate", "current.prepared/sev2-switch-provider.json", "--key", ONCALL_KEY,
                          proxies=[narrow], code=1)
        assert "second" in said and "upstreams" in said, said


def test_a_release_that_forgets_on_calls_list_is_refused(desk):
    (desk.folder / "hemostat.yaml").write_text("scope: prod-eu\n")
    said = desk.types("release", "policy.yaml", "--key", OPS_KEY, "--out", "other.json", code=1)
    assert "could activate 5 prepared policies no more" in said, said
    desk.types("release", "policy.yaml", "--key", OPS_KEY, "--out", "other.json", "--prepare", "none")


def test_two_who_roll_back_take_one_step(desk):
    (desk.folder / "bad.yaml").write_text(BASE.replace("version: day", "version: bad"))
    desk.types("release", "bad.yaml", "--key", OPS_KEY, "--out", "bad.json")
    desk.types("push", "bad.json", "--wait")

    def back():
        return desk.command("rollback", "--key", ONCALL_KEY, "--wait", proxies=desk.fleet, cwd=desk.folder)

    with concurrent.futures.ThreadPoolExecutor(2) as people:
        results = [person.result() for person in (people.submit(back), people.submit(back))]
    # At once: one of them may be told that the other was first.
    assert desk.versions() == {"day"}, results
    assert 0 in {code for code, _ in results}, results
    # One after the other.
    said = desk.types("rollback", "--key", ONCALL_KEY, "--wait", code=1)
    assert "--again" in said, said
    assert desk.versions() == {"day"}


def test_a_drill_that_is_broken_off_is_taken_back(desk):
    words = ["drill", "kill-checkout.yaml", "--policy", "policy.yaml", "--key", OPS_KEY, "--for", "60"]
    env = os.environ | {
        "HEMOSTAT_TOKEN": TOKEN,
        "HEMOSTAT_PROXIES": ",".join(proxy.url for proxy in desk.fleet),
        "HEMOSTAT_ISSUER": "tests",
    }
    drill = subprocess.Popen([hemostat(), *words], cwd=desk.folder, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    said = []
    reader = threading.Thread(target=lambda: said.extend(drill.stdout), daemon=True)
    reader.start()
    try:
        desk.fleet[0]._until(15, "the drill", lambda: "drill" in desk.fleet[0].status()["version"])
        assert "drill" in desk.types("status")
        drill.send_signal(signal.SIGINT)
        drill.wait(timeout=20)
    finally:
        drill.kill()
    assert desk.versions() == {"day"}, said
    # A drill is no step back.
    assert "drill" not in desk.types("rollback", "--key", ONCALL_KEY, "--dry-run").split("version", 1)[-1]
