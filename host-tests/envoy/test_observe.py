"""Alerts and dashboard of `envoy/observe`: each metric and each label that they name is one that a real Envoy shows."""

import json
import re
import subprocess
import time

import pytest
import yaml
from scripted import chat

import policies
from rig.client import fetch
from rig.envoy import ROOT, SAMPLES
from rig.releases import EVE, Proxy, release
from rig.replay import Answer

# Where `runbook_url` points; README.md beside the alerts says how to change it.
BASE = "https://hemostat.example/blob/main/"
METRIC = re.compile(r"\bhemostat_[a-z_]+\b")
LABELS = re.compile(r"\b(hemostat_[a-z_]+)\{([^}]*)\}")
# What cannot be brought about in a few seconds from outside: these names are looked for in the sources instead.
SOURCES_SAY = {
    "hemostat_host_trouble_total": {"reason"},
    "hemostat_source_silent_total": set(),
    "hemostat_follow_failures_total": set(),
    "hemostat_ledger_total": {"outcome"},
    "hemostat_time_to_first_chunk_ms_bucket": {"le"},
}
POLICY = {
    "hemostat": 1,
    "version": "observed",
    "labels": {"feature": [{"header": "x-feature"}]},
    "guardrails": [policies.guard("words", "sesame", "block", scan=["input"]),
                   policies.guard("out", "sesame", {"redact": "[X]"})],
    "limits": [{"id": "few", "allow": {"requests": 10, "every": "1h"}, "warn_at": [0.1]},
               {"id": "money", "allow": {"usd": 100, "every": "1h"}, "when": {"model": "dear"}}],
    "failsafe": [{"id": "human", "when": {"feature": "checkout"}, "do": {"fallback": "handoff"}}],
    "fallbacks": {"handoff": {"text": "A colleague.", "handoff": True}},
    "unpriced": "count_zero",
}


def expressions():
    """Every expression of alerts and dashboard, its annotations among them."""
    groups = yaml.safe_load((SAMPLES / "observe" / "alerts.yaml").read_text())["groups"]
    found = [rule["expr"] for group in groups for rule in group["rules"]]
    board = json.loads((SAMPLES / "observe" / "dashboard.json").read_text())
    found += [note["expr"] for note in board["annotations"]["list"]]
    return found + [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]


def named():
    """`{metric: labels}` as the expressions name them."""
    found = {}
    for expression in expressions():
        grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
        metrics = set(METRIC.findall(expression))
        for metric in metrics:
            # `instance` is Prometheus's own.
            found.setdefault(metric, set()).update(grouped - {"instance"} if len(metrics) == 1 else set())
        for metric, inside in LABELS.findall(expression):
            found[metric].update(set(re.findall(r"(\w+)\s*(?:=~|!=|=)", inside)) - {"instance"})
    return found


@pytest.fixture(scope="module")
def shown(upstream):
    """`{metric: labels}` as Envoy shows them, after a little of everything."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    with Proxy(upstream.port, POLICY) as proxy, Proxy(upstream.port, None, plugin={"policy": None}) as bare:
        def ask(port=proxy.port, answer="fine", options="", headers=None, **fields):
            script = upstream.script("observed", Answer(chat(answer)))
            try:
                return fetch(port, "POST", "/v1/chat/completions", json.dumps({**body, **fields}).encode(),
                             {"x-replay": script + options, **(headers or {})})
            except (OSError, ValueError, Exception) as error:  # an answer that breaks off
                return error

        for _ in range(3):
            ask()
        ask(answer="open sesame")
        ask(messages=[{"role": "user", "content": "sesame"}])
        ask(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}])
        ask(model="dear")
        ask(headers={"x-feature": "checkout"})
        ask(options=";cut=20")
        ask(port=bare.port)
        proxy.post(release(1, policies.policy("stranger"), EVE))
        proxy.post(release(1, POLICY))
        proxy.post(release(2, {**POLICY, "version": "ends"}, expires=int(time.time()) + 1))
        time.sleep(2.5)
        ask()
        text = proxy.admin("/stats/prometheus") + bare.admin("/stats/prometheus")
    found = {}
    for line in text.splitlines():
        if match := re.match(r"(hemostat_\w+)\{(.*)\} \d+$", line):
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2]))
    return found


def test_every_metric_and_label_is_shown_by_envoy(shown):
    for metric, labels in named().items():
        if metric in SOURCES_SAY:
            assert labels <= SOURCES_SAY[metric], metric
            continue
        assert metric in shown, f"{metric}: Envoy shows {sorted(shown)}"
        assert labels <= shown[metric], f"{metric}: {labels - shown[metric]} of {shown[metric]}"


def test_no_label_stays_in_a_name(shown):
    """What the samples' `stats_tags` do not know would stand in the metric's name."""
    assert not [name for name in shown if not re.fullmatch(r"hemostat_[a-z_]+", name)]
    assert {"percent"} <= shown["hemostat_limit_warnings_total"]


def test_what_was_not_brought_about_stands_in_the_sources():
    rooms = [ROOT / room / "src" for room in ("engine", "control", "dialect", "filter")]
    code = "".join(path.read_text() for room in rooms for path in room.rglob("*.rs"))
    for metric, labels in SOURCES_SAY.items():
        for label in labels or {""}:
            name = metric.removesuffix("_bucket")  # of a histogram, which Envoy shows after its flush interval
            assert f"{name};{label}=" in code if label not in ("", "le") else f'"{name}"' in code, metric


def test_every_alert_says_what_to_read():
    groups = yaml.safe_load((SAMPLES / "observe" / "alerts.yaml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        page, _, anchor = rule["annotations"]["runbook_url"].removeprefix(BASE).partition("#")
        text = (ROOT / page).read_text()
        slugs = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
                 for line in text.splitlines() if line.startswith("#")}
        assert not anchor or anchor in slugs, f"{rule['alert']}: {anchor} is not in {page}: {sorted(slugs)}"


def promtool(*args):
    try:
        return subprocess.run(["promtool", *args], cwd=SAMPLES / "observe", capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        pytest.skip("there is no promtool")


def test_prometheus_takes_the_rules():
    done = promtool("check", "rules", "alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


CASES = ("alerts.test.yaml", "alerts-twice.test.yaml", "alerts-spend.test.yaml")


def test_alerts_fire_when_they_should_and_at_the_first_event():
    done = promtool("test", "rules", *CASES)
    assert done.returncode == 0, done.stdout + done.stderr


def seconds(text):
    """`90s`, `10m` in seconds."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def test_every_alert_has_a_case_in_which_it_fires_twice_and_is_silent_between():
    """An alert that is blind to the first event, or stays for good after it, is no alert."""
    names = {rule["alert"] for group in yaml.safe_load((SAMPLES / "observe" / "alerts.yaml").read_text())["groups"]
             for rule in group["rules"]}
    twice = set()
    for case in (case for file in CASES for case in yaml.safe_load((SAMPLES / "observe" / file).read_text())["tests"]):
        checks = {}
        for check in case["promql_expr_test"]:
            (name,) = re.findall(r'alertname="(\w+)"', check["expr"])
            checks.setdefault(name, []).append((seconds(check["eval_time"]), bool(check["exp_samples"])))
        for name, seen in checks.items():
            fires = "".join("01"[fired] for _, fired in sorted(seen))
            twice |= {name} if re.search("10+1", fires) else set()
    assert twice == names
