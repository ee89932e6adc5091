"""Captured exchanges on a real Envoy: what a receiver of OTLP gets is what the caller got, and one that is slow or away
costs traffic nothing. With Arize Phoenix and MLflow, where HEMOSTAT_PHOENIX and HEMOSTAT_MLFLOW name their commands."""

import json
import os
import re
import time
import urllib.request

import pytest
from scripted import DONE, SSE, chat, delta

import policies
from rig.backends import Mlflow, Phoenix
from rig.client import fetch
from rig.collector import Collector, said
from rig.releases import Proxy, release
from rig.replay import Answer

SECRET = "AKIAIOSFODNN7EXAMPLE"
LABELS = {"feature": [{"header": "x-feature"}], "prompt_version": [{"header": "x-prompt-version"}]}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def captured(headers=None, authority="traces.internal", **more):
    """A policy that captures everything, redacted."""
    to = {"cluster": "traces", "path": "/v1/traces", "authority": authority, "headers": headers or {}}
    guard = policies.guard("secrets", "pack:secrets", {"redact": "[KEY]"}, ("output", "input", "tool_args"))
    capture = {"what": ["input", "output", "tool_args"], "to": to} | more
    return policies.policy("captured", labels=LABELS, guardrails=[guard], capture=capture)


def proxy_to(upstream, port, policy):
    proxy = Proxy(upstream.port, policy, plugin={"allow": {"capture": True, "clusters": ["traces"]}})
    proxy.add_cluster("traces", port)
    return proxy


def counted(proxy):
    """`{outcome: spans}`"""
    text = proxy.admin("/stats/prometheus")
    found = re.findall(r'hemostat_capture_total\{[^}]*outcome="(\w+)"[^}]*\} (\d+)', text)
    return {name: int(value) for name, value in found}


def ask(proxy, upstream, answer, *, text="Where is my parcel?", version="43", stream=False, trace=True):
    """One call; `answer`: what the model says, in pieces of a stream or whole."""
    if stream:
        script = upstream.script("said", Answer(b"".join([*map(delta, answer), DONE]), content_type=SSE))
    else:
        script = upstream.script("said", Answer(chat("".join(answer))))
    headers = {"x-replay": script, "x-feature": "checkout", "x-prompt-version": version}
    if trace:
        headers["traceparent"] = f"00-{TRACE}-{PARENT}-01"
    body = {"model": "gpt-5", "stream": stream, "messages": [{"role": "user", "content": text}]}
    return fetch(proxy.port, "POST", "/v1/chat/completions", json.dumps(body).encode(), headers)


@pytest.fixture(scope="module")
def collector():
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(upstream, collector):
    with proxy_to(upstream, collector.port, captured(headers={"x-project-name": "tests"})) as running:
        yield running
        assert running.alive(), running.log_tail()


@pytest.mark.parametrize("stream", [False, True])
def test_a_span_is_in_the_callers_trace_with_what_the_caller_got(proxy, upstream, collector, stream):
    version = f"4{int(stream)}"
    answer = ask(proxy, upstream, ["your key is AKIA", "IOSFODNN7", "EXAMPLE, use it"],
                 text=f"mine is {SECRET}", version=version, stream=stream)
    assert b"[KEY]" in answer.body and SECRET.encode() not in answer.body
    span, have = collector.wait_for(**{"hemostat__label__prompt_version": version})
    assert (span.trace_id.hex(), span.parent_span_id.hex(), len(span.span_id)) == (TRACE, PARENT, 8)
    assert (span.name, span.kind, span.status.code) == ("chat gpt-5", 3, 0)
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 20e9
    assert "".join(said(have)) == "your key is [KEY], use it"
    assert said(have, "gen_ai.input.messages") == ["mine is [KEY]"]
    assert have["hemostat.rule_hits"] == ["secrets:redact"] and have["hemostat.stream"] is stream
    assert have["http.response.status_code"] == 200
    assert len(have["hemostat.decision"]) == 16
    path, headers = collector.requests[-1]
    assert path == "/v1/traces" and headers["content-type"] == "application/x-protobuf"
    assert headers["x-project-name"] == "tests"
    assert counted(proxy)["sent"] >= 1


def test_a_call_of_a_tool_is_a_span(proxy, upstream, collector):
    result = {"content": [{"type": "text", "text": f"found {SECRET}"}], "isError": False}
    script = upstream.script("tool", Answer(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()))
    headers = {"x-replay": script, "accept": "application/json, text/event-stream", "x-prompt-version": "tool",
               "mcp-protocol-version": "2025-11-25"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "look", "arguments": {"for": SECRET}}}
    answer = fetch(proxy.port, "POST", "/mcp", json.dumps(call).encode(), headers)
    assert SECRET.encode() not in answer.body
    span, have = collector.wait_for(**{"hemostat__label__prompt_version": "tool"})
    assert (span.name, have["gen_ai.tool.name"]) == ("execute_tool look", "look")
    assert json.loads(have["gen_ai.tool.call.arguments"]) == {"for": "[KEY]"}
    assert json.loads(have["gen_ai.tool.call.result"]) == json.loads(answer.body)["result"]


def test_a_receiver_that_hangs_or_refuses_costs_traffic_nothing(upstream):
    with Collector() as away, proxy_to(upstream, away.port, captured()) as proxy:
        away.hangs.set()
        took = []
        for number in range(60):
            begun = time.monotonic()
            assert ask(proxy, upstream, ["fine"], version=str(number)).status == 200
            took.append(time.monotonic() - begun)
        assert sorted(took)[30] < 0.5, "callers wait for nobody"
        deadline = time.monotonic() + 20
        while counted(proxy).get("failed", 0) == 0:
            assert time.monotonic() < deadline, counted(proxy)
            time.sleep(0.2)
        away.hangs.clear()
        away.status = 503
        ask(proxy, upstream, ["fine"], version="refused")
        failed = counted(proxy)["failed"]
        deadline = time.monotonic() + 10
        while counted(proxy)["failed"] == failed:
            assert time.monotonic() < deadline, counted(proxy)
            time.sleep(0.1)
        away.status = 200
        ask(proxy, upstream, ["back"], version="back")
        away.wait_for(hemostat__label__prompt_version="back")
        assert proxy.alive(), proxy.log_tail()


def test_a_release_captures_only_where_the_configuration_allows_it(upstream, collector):
    for allow in ({}, {"capture": True}, {"clusters": ["traces"]}):
        with Proxy(upstream.port, policies.policy("base"), plugin={"allow": allow}) as proxy:
            status, body = proxy.post(release(1, captured()))
            assert status >= 400 and body["code"] == "not-allowed", body
    plugin = {"allow": {"capture": True, "clusters": ["traces"]}}
    proxy = Proxy(upstream.port, policies.policy("base"), plugin=plugin)
    proxy.add_cluster("traces", collector.port)
    with proxy:
        assert proxy.post(release(1, captured()))[0] == 200
        time.sleep(1)
        ask(proxy, upstream, ["released"], version="released")
        collector.wait_for(hemostat__label__prompt_version="released")


def get(url, data=None, headers=None):
    request = urllib.request.Request(url, data=data and json.dumps(data).encode(),
                                     headers={"content-type": "application/json"} | (headers or {}))
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def traffic(proxy, upstream):
    """Three exchanges, of which one is to be found."""
    ask(proxy, upstream, ["It left the warehouse."], version="42")
    ask(proxy, upstream, ["An albatross ", "carries it."], version="43", stream=True)
    ask(proxy, upstream, ["A pigeon carries it."], version="43", trace=False)


def until(found, seconds=30):
    """What `found` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (got := found()):
        assert time.monotonic() < deadline, "not found"
        time.sleep(0.5)
    return got


@pytest.mark.timeout(240)
def test_phoenix_finds_an_exchange_by_prompt_version_and_a_word_of_its_answer(upstream, tmp_path):
    command = os.environ.get("HEMOSTAT_PHOENIX")
    if not command:
        pytest.skip("HEMOSTAT_PHOENIX names no command of Arize Phoenix")
    with Phoenix(command, tmp_path) as phoenix:
        port = phoenix.port
        policy = captured(headers={"x-project-name": "shop"})
        with proxy_to(upstream, port, policy) as proxy:
            traffic(proxy, upstream)

            def spans(condition):
                query = """query($filter: String) { projects { edges { node { name
                    spans(first: 50, filterCondition: $filter) { edges { node {
                        name attributes trace { traceId } } } } } } } }"""
                answer = get(f"http://127.0.0.1:{port}/graphql", {"query": query, "variables": {"filter": condition}})
                assert "errors" not in answer, answer
                return [(project["node"]["name"], one["node"]) for project in answer["data"]["projects"]["edges"]
                        for one in project["node"]["spans"]["edges"]]

            until(lambda: len(spans("")) >= 3)
            condition = ("attributes['hemostat']['label']['prompt_version'] == '43' and "
                         "'albatross' in attributes['gen_ai']['output']['messages']")
            (project, one), = until(lambda: spans(condition))
            assert one["trace"]["traceId"] == TRACE and one["name"] == "chat gpt-5"
            assert "albatross" in one["attributes"]
            print(f"Phoenix: found in project {project} by {condition}")
            until(lambda: counted(proxy)["sent"] == 3)


@pytest.mark.timeout(240)
def test_mlflow_finds_an_exchange_by_prompt_version_and_a_word_of_its_answer(upstream, tmp_path):
    command = os.environ.get("HEMOSTAT_MLFLOW")
    if not command:
        pytest.skip("HEMOSTAT_MLFLOW names no command of MLflow")
    with Mlflow(command, tmp_path) as mlflow:
        url, port = mlflow.url, mlflow.port
        experiment = get(f"{url}/api/2.0/mlflow/experiments/create", {"name": "shop"})["experiment_id"]
        # MLflow takes no request whose `host` it does not know (`--allowed-hosts`).
        policy = captured({"x-mlflow-experiment-id": experiment}, authority=f"127.0.0.1:{port}")
        with proxy_to(upstream, port, policy) as proxy:
            traffic(proxy, upstream)
            where = {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}]}

            def traces(filter_):
                answer = get(f"{url}/api/3.0/mlflow/traces/search", where | {"filter": filter_, "max_results": 10})
                return answer.get("traces", [])

            until(lambda: len(traces("")) >= 2)
            condition = ("span.attributes.hemostat.label.prompt_version ILIKE '%43%' AND "
                         "span.content ILIKE '%albatross%'")
            found = until(lambda: traces(condition))
            print(f"MLflow: found by {condition}: {json.dumps(found)[:400]}")
            assert len(found) == 1 and TRACE in json.dumps(found[0])
            # A server that took longer than five seconds to say so has the span all the same.
            until(lambda: sum(counted(proxy).get(outcome, 0) for outcome in ("sent", "failed")) == 3)
