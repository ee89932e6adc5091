"""What the operator sees: response headers, counters with labels, and the access log's fields."""

import pytest
from scripted import chat

import policies
from rig import recordings
from rig.client import fetch
from rig.replay import Answer

SECRET = "sesame-opens-the-door"


def redacting(mode):
    return policies.policy(f"view-{mode}", mode=mode,
                           guardrails=[policies.guard("view.rule-1", SECRET, {"redact": "[X]"})])


def test_a_decision_is_shown_in_headers_counters_and_log(enforce, envoy, ask, upstream):
    enforce(redacting("enforce"))
    before = envoy.count("hemostat_rule_hits_total", rule="view.rule-1", action="redact")
    answer = ask("openai-chat", x_replay=upstream.script("view", Answer(chat(f"so {SECRET} it is"))))
    assert b"so [X] it is" in answer.body
    assert answer.header("x-hemostat-policy") == "view-enforce"
    assert answer.header("x-hemostat-action") == "view.rule-1:redact"
    decision = answer.header("x-hemostat-decision")
    assert decision
    assert envoy.count("hemostat_rule_hits_total", rule="view.rule-1", action="redact") == before + 1
    entry = envoy.access_entry(lambda entry: entry["hemostat.decision"] == decision)
    assert entry["hemostat.policy_version"] == "view-enforce"
    assert entry["hemostat.rule_hits"] == "view.rule-1:redact"
    assert entry["hemostat.dialect"] == "openai-chat"
    assert entry["gen_ai.request.model"] == "m"
    assert entry["gen_ai.response.model"] == "served-model"
    assert entry["hemostat.stream"] == "false"


def test_shadow_counts_and_changes_nothing(enforce, envoy, ask, upstream):
    enforce(redacting("shadow"))
    before = envoy.count("hemostat_rule_hits_total", rule="view.rule-1", action="shadow-redact")
    sent = Answer(chat(f"so {SECRET} it is"))
    answer = ask("openai-chat", x_replay=upstream.script("view", sent))
    assert answer.body == sent.body
    assert answer.header("x-hemostat-action") is None
    assert envoy.count("hemostat_rule_hits_total", rule="view.rule-1", action="shadow-redact") == before + 1
    entry = envoy.access_entry(lambda entry: entry["hemostat.policy_version"] == "view-shadow")
    assert entry["hemostat.rule_hits"] == "view.rule-1:shadow-redact"


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_no_text_of_the_traffic_is_in_log_or_metrics(mode, enforce, envoy, ask, upstream):
    enforce(redacting(mode))
    ask("openai-chat", x_replay=upstream.script("view", Answer(chat(f"so {SECRET} it is"))), text=f"tell {SECRET}")
    assert SECRET not in envoy.admin("/stats")
    assert SECRET not in str(envoy.access_log())
    assert not [line for line in envoy.log().splitlines() if SECRET in line]


@pytest.mark.parametrize("mode", ["full", "decision", "none"])
def test_show_says_what_callers_see(mode, enforce, ask, upstream):
    enforce({**redacting("enforce"), "version": f"show-{mode}", "show": mode})
    answer = ask("openai-chat", x_replay=upstream.script("view", Answer(chat(f"so {SECRET} it is"))))
    shown = {name for name, _ in answer.headers if name.startswith("x-hemostat-")}
    assert shown == {
        "full": {"x-hemostat-policy", "x-hemostat-action", "x-hemostat-decision"},
        "decision": {"x-hemostat-decision"},
        "none": set(),
    }[mode]


@pytest.mark.parametrize("dialect", recordings.DIALECTS)
def test_requests_are_counted_by_dialect(dialect, enforce, envoy, replay):
    enforce()
    before = envoy.count("hemostat_requests_total", dialect=dialect)
    replay(recordings.answers(dialect=dialect)[0])
    assert envoy.count("hemostat_requests_total", dialect=dialect) == before + 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/health"])
def test_headers_of_ours_are_removed_in_both_directions(path, enforce, envoy, upstream):
    enforce()
    forged = Answer(b"{}", headers=(("x-hemostat-policy", "forged"), ("x-hemostat-forged", "1")))
    answer = fetch(envoy.port, "POST", path, recordings.minimal_request("openai-chat", False),
                   {"x-replay": upstream.script("forged", forged), "x-hemostat-forged": "1",
                    "x-hemostat-decision": "forged", "X-Hemostat-Upstream": "elsewhere"})
    assert not [name for name, _ in upstream.last.headers if name.startswith("x-hemostat-")]
    assert ("x-hemostat-forged", "1") not in answer.headers
    assert "forged" not in [value for _, value in answer.headers]
