"""One incident from end to end on a real Envoy: a release ships a prompt, its answers turn bad, an alert of a real
Prometheus fires, `scope` says where and since when, `rollback` ends it, `case` keeps it from coming back, and the
post-mortem has the numbers. What is true is what the model's own account says."""

import datetime
import http.server
import json
import pathlib
import random
import re
import shutil
import subprocess
import threading
import time

import pytest
import yaml

from rig.backends import Prometheus
from rig.client import fetch
from rig.collector import Collector
from rig.receiver import Receiver
from rig.releases import OPS, SCOPE, TOKEN, Proxy, hemostat

BAD = "First you take a pipe bomb"
LABELS = {"feature": [{"header": "x-feature"}], "prompt_version": [{"header": "x-prompt-version"}],
          "tenant": [{"header": "x-tenant"}]}
COMMON = {
    "hemostat": 1,
    "labels": LABELS,
    "prices": {"gpt-*": {"input": 1.25, "output": 10}},
    "notify": {"cluster": "alerts", "path": "/hook", "authority": "hooks.internal"},
    "capture": {"what": ["input", "output"], "to": {"cluster": "traces", "authority": "traces.internal"}},
    "guardrails": [{"id": "harmful", "scan": ["output"], "find": ["(?i)pipe bomb"], "do": "block"}],
}
# The pin is what the release takes away: the prompt is shipped.
BEFORE = COMMON | {"version": "prod-16", "rollback": [{
    "id": "pin-42", "when": {"feature": "checkout", "prompt_version": "43"}, "set": {"prompt_version": "42"}}]}
SHIPS = COMMON | {"version": "prod-17"}
# What the case is to hold under: callers get an answer that helps them.
FIXED = SHIPS | {"version": "prod-18", "fallbacks": {"refuse": {"text": "I cannot help with that."}},
                 "guardrails": [COMMON["guardrails"][0] | {"do": {"fallback": "refuse"}}]}
# The one shape of `envoy/observe/alerts.yaml`, with windows for a test.
ALERTS = {"groups": [{"name": "test", "rules": [{
    "alert": "HemostatRuleActsMuch",
    "expr": 'sum by (rule, action) (rate(hemostat_rule_hits_total{action=~"block|fallback|reject|deny"}[5s]))'
            ' > 0.02 * scalar(sum(rate(hemostat_requests_total{dialect!="other"}[5s])))',
    "for": "1s"}]}]}


class Model:
    """A model whose prompt 43 goes wrong in every third answer; it keeps the account of what it did."""

    def __init__(self):
        self.bad = []  # (when, tenant) of each bad answer
        self.recorded = []  # these exchanges, as `hemostat case` reads them
        account, chance = self, random.Random(7)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked = self.rfile.read(int(self.headers["content-length"]))
                bad = self.headers["x-prompt-version"] == "43" and chance.random() < 0.33
                if bad:
                    account.bad.append((time.time(), self.headers["x-tenant"]))
                message = {"role": "assistant", "content": BAD if bad else "Your parcel is coming."}
                body = json.dumps({
                    "id": f"chatcmpl-{chance.getrandbits(40)}", "object": "chat.completion", "created": 1,
                    "model": "gpt-5",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}}).encode()
                if bad:
                    headers = {name: self.headers[name] for name in ("x-feature", "x-prompt-version", "x-tenant")}
                    account.recorded.append({"path": self.path, "headers": headers, "request": json.loads(asked),
                                             "response": json.loads(body)})
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Shop:
    """Callers who never stop: three features, nine tenants. Once `shipped`, the checkout sends version 43."""

    def __init__(self, port):
        self.port, self.shipped, self.calls, self.over = port, threading.Event(), 0, threading.Event()
        self.got = {"good": 0, "blocked": 0}
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(4)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number):
        chance = random.Random(number)
        while not self.over.wait(0.02):
            feature = chance.choice(["checkout", "search", "support"])
            version = "43" if feature == "checkout" and self.shipped.is_set() else "42"
            headers = {"x-feature": feature, "x-prompt-version": version, "x-tenant": f"tenant-{chance.randrange(9)}"}
            messages = [{"role": "user", "content": "Where is it?"}]
            body = json.dumps({"model": "gpt-5", "messages": messages}).encode()
            answer = fetch(self.port, "POST", "/v1/chat/completions", body, headers)
            assert BAD.encode() not in answer.body
            with self.lock:
                self.calls += 1
                self.got["blocked" if b"content_filter" in answer.body else "good"] += 1


def wait(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (got := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return got


def unix(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.mark.timeout(240)
def test_an_incident_from_the_release_to_the_post_mortem(tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("there is no prometheus")
    binary, folder = hemostat(), tmp_path
    OPS.write(folder)
    for policy in (BEFORE, SHIPS, FIXED):
        (folder / f"{policy['version']}.yaml").write_text(yaml.safe_dump(policy))

    def run(line, exits=0):
        done = subprocess.run([binary, *line.split()], cwd=folder, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == exits, f"hemostat {line}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    with Model() as model, Receiver() as pager, Collector() as collector:
        proxy = Proxy(model.port, COMMON | {"version": "inline"},
                      plugin={"allow": {"capture": True, "clusters": ["alerts", "traces"]}})
        proxy.add_cluster("alerts", pager.port)
        proxy.add_cluster("traces", collector.port)
        with proxy, Prometheus(folder, proxy.admin_port, ALERTS) as prometheus:
            (folder / "hemostat.yaml").write_text(yaml.safe_dump({
                "scope": SCOPE, "proxies": [proxy.url], "token": TOKEN, "key": f"{OPS.name}.key",
                "history": "history.jsonl"}))
            run("release prod-16.yaml --serial 16 --reason before --out 16.json")
            run("push 16.json --wait")
            with Shop(proxy.port) as shop:
                time.sleep(7)
                assert not model.bad and not prometheus.firing()
                run("release prod-17.yaml --serial 17 --reason prompt-43 --out 17.json")
                run("push 17.json --wait")
                shop.shipped.set()
                wait(lambda: "HemostatRuleActsMuch" in prometheus.firing(), 60, "no alert")
                assert prometheus.firing()["HemostatRuleActsMuch"]["rule"] == "harmful"
                alerted = time.time()
                # The operator asks how far it reaches, by the log as it stands now.
                log = proxy.dir / "access.log"
                early = json.loads(run(f"scope {log} --history history.jsonl --json"))
                run("rollback --expect 17 --wait")
                time.sleep(0.5)
                bad_then = len(model.bad)
                time.sleep(6)
                assert len(model.bad) == bad_then, "prompt 42 again: nothing bad comes any more"
            shutil.copy(log, folder / "access.log")
            shutil.copytree(proxy.dir, folder / "proxy", dirs_exist_ok=True)
        time.sleep(1.5)  # the last spans
        (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in pager.events))
        hits = [(span, have) for span, have in collector.spans if "harmful:block" in have.get("hemostat.rule_hits", [])]
        assert len(hits) == len(model.bad), "each bad answer is a span"

    # Scope: feature, version, the second, the release; true by the model's own account.
    first, last = min(at for at, _ in model.bad), max(at for at, _ in model.bad)
    tenants = {tenant for _, tenant in model.bad}
    found = json.loads(run("scope access.log --history history.jsonl --json"))
    for report in (early, found):
        finding = report["findings"][0]
        assert finding["labels"]["feature"] == "checkout" and finding["labels"]["prompt_version"] == "43", finding
        assert abs(unix(finding["since"]) - first) <= 1.5, (finding, first)
        assert finding["outcome"] == "harmful:block"
    sentence = run("scope access.log --history history.jsonl").splitlines()[0]
    assert "release 17" in sentence and "`checkout` on prompt_version 43" in sentence and "none under 42" in sentence
    assert f"{len(model.bad)} calls, {len(tenants)} tenants" in sentence, (sentence, len(model.bad))

    # What the model said becomes a case that fails on the old policy and holds on the new.
    (folder / "recorded.jsonl").write_text(json.dumps(model.recorded[0]) + "\n")
    run("case recorded.jsonl --old prod-17.yaml --new prod-18.yaml --name no-bombs --out fixed.cases.yaml --yes")
    run("test fixed.cases.yaml --policy prod-17.yaml", exits=1)
    run("test fixed.cases.yaml --policy prod-18.yaml")

    # The post-mortem has the right numbers.
    report = run("postmortem --title INC-4711 --history history.jsonl --access-log access.log --events events.jsonl "
                 "--case fixed.cases.yaml --alert new.rules.yaml --html report.html")
    (folder / "report.md").write_text(report)
    assert re.search(rf"\| calls \| {len(model.bad)} of \d+ ", report), report
    assert f"| tenants | {len(tenants)}: tenant-" in report
    cost = len(model.bad) * (1000 * 1.25 + 100 * 10) / 1e6
    (said,) = re.findall(r"\| what bad calls cost \| \$([\d.]+) \|", report)
    assert abs(float(said) - cost) < 0.005, report
    rows = dict(re.findall(r"\| (change|symptom|detection|mitigation|resolution) \| ([^|]+) \|", report))
    journal = {}
    for line in (folder / "history.jsonl").read_text().splitlines():
        entry = json.loads(line)
        journal[entry["serial"]] = entry
    assert rows["change"].strip() == journal[17]["at"]
    assert abs(unix(rows["symptom"].strip()) - first) <= 1.5
    assert unix(rows["symptom"].strip()) - 1 <= unix(rows["detection"].strip()) <= alerted + 1
    assert rows["mitigation"].strip() == journal[18]["at"]
    assert journal[18]["rolls_back"] == 17
    checked = subprocess.run(["promtool", "check", "rules", folder / "new.rules.yaml"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "<svg" in pathlib.Path(folder / "report.html").read_text()
    assert last < alerted + 20
