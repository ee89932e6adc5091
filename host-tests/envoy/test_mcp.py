"""MCP through a real Envoy: the official SDKs, Python and TypeScript, as clients and as servers."""

import asyncio
import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import time

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

import policies
from rig.client import fetch
from rig.envoy import Envoy
from rig.releases import ONCALL, hemostat

HERE = pathlib.Path(__file__).parent
STOPPED = "Tool call `delete_all` was stopped by policy"
SERVERS = {
    "py-sse": [sys.executable, "-m", "rig.mcp_server", "sse"],
    "py-json": [sys.executable, "-m", "rig.mcp_server", "json"],
    "ts-sse": ["node", str(HERE / "js" / "mcp_server.mjs"), "sse"],
    "ts-json": ["node", str(HERE / "js" / "mcp_server.mjs"), "json"],
}
CLIENTS = ["py", "py-legacy", "ts"]
ALL_TOOLS = {"add", "delete_all", "deletions", "refund", "read_key", "slow", "book"}


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module", params=SERVERS)
def proxy(request):
    """An Envoy before one of the servers."""
    port = free_port()
    command = SERVERS[request.param]
    process = subprocess.Popen([*command[:-1], str(port), command[-1]], cwd=HERE)
    try:
        for _ in range(200):
            assert process.poll() is None, "the server did not start"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        with Envoy(port) as envoy:
            envoy.form = request.param
            yield envoy
    finally:
        process.kill()
        process.wait()


def enforce(envoy, trust=None, **sections):
    """Puts a policy in force; with `trust`, under keys that may approve."""
    policy = policies.policy("mcp", **sections)
    plugin = envoy.plugin(policy) | ({"trust": trust, "scope": "prod-eu"} if trust else {})
    accepted, log = envoy.try_plugin(plugin)
    assert accepted, log


async def python_client(url, headers, steps, mode):
    results = []

    async def sure(_context, _params):
        return ElicitResult(action="accept", content={"sure": True})

    http = httpx2.AsyncClient(headers=headers, timeout=20)
    async with Client(streamable_http_client(url, http_client=http), mode=mode, elicitation_callback=sure) as client:
        for step in steps:
            try:
                if step == "list":
                    listed = await client.list_tools(cache_mode="refresh")
                    results.append([tool.name for tool in listed.tools])
                    continue
                progress = []

                async def on_progress(value, _total, _message, progress=progress):
                    progress.append(value)

                name, arguments = step
                result = await client.call_tool(name, arguments, 20, on_progress)
                text = "".join(part.text for part in result.content if part.type == "text")
                results.append({"text": text, "error": bool(result.is_error), "progress": progress})
            except Exception as error:  # noqa: BLE001 - what the SDK raises is the result
                results.append({"raised": str(error)})
    return results


def run(envoy, client, *steps, headers=None):
    """What the steps give through the proxy."""
    url = f"http://127.0.0.1:{envoy.port}/mcp"
    if client == "ts":
        job = json.dumps({"url": url, "headers": headers or {}, "steps": steps})
        done = subprocess.run(["node", str(HERE / "js" / "mcp_client.mjs")], input=job, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    mode = "legacy" if client == "py-legacy" else "auto"
    return asyncio.run(python_client(url, headers or {}, steps, mode))


DENY = {"tools": [{"id": "no", "match": "delete_*", "do": "deny"}]}


@pytest.mark.parametrize("client", CLIENTS)
def test_list_call_and_deny(client, proxy):
    enforce(proxy)
    (names,) = run(proxy, client, "list")
    assert set(names) == ALL_TOOLS
    enforce(proxy, **DENY)
    names, added, denied, count = run(proxy, client, "list", ["add", {"a": 2, "b": 3}],
                                      ["delete_all", {"secret": "x"}], ["deletions", {}])
    assert names == [name for name in names if name != "delete_all"] and set(names) == ALL_TOOLS - {"delete_all"}
    assert (added["text"], added["error"]) == ("5", False)
    assert (denied["text"], denied["error"]) == (STOPPED, True)
    assert count["text"] == "0", "it never ran"


@pytest.mark.parametrize("client", CLIENTS)
def test_approve_with_a_grant_once(client, proxy, tmp_path):
    trust = {"keys": {"oncall": {"key": ONCALL.public, "may": ["approve"]}}}
    enforce(proxy, trust, tools=[{"id": "ask", "match": "refund", "do": "approve"}])
    arguments = {"order": f"A-{client}", "amount": 150}
    (waiting,) = run(proxy, client, ["refund", arguments])
    assert waiting["error"]
    id_ = re.fullmatch(r"Tool call `refund` needs approval: (ap_[A-Z2-7]{32})", waiting["text"]).group(1)
    key = ONCALL.write(tmp_path)
    done = subprocess.run([hemostat(), "approve", id_, "--key", str(key), "--tool", "refund", "--args",
                           json.dumps(arguments), "--scope", "prod-eu"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    headers = {"x-hemostat-approval": done.stdout.strip()}
    other, through, replayed = run(proxy, client, ["refund", arguments | {"amount": 151}], ["refund", arguments],
                                   ["refund", arguments], headers=headers)
    assert other["error"] and "the grant is for another call" in other["text"]
    assert (through["text"], through["error"]) == (f"refunded 150 for A-{client}", False)
    assert replayed["error"] and "the grant was used before" in replayed["text"]


@pytest.mark.parametrize("client", CLIENTS)
def test_progress_and_questions_flow_while_a_call_runs(client, proxy):
    enforce(proxy, guardrails=[policies.guard("g", "zebra quartz", "block", ("input", "tool_args"))], **DENY)
    if proxy.form.endswith("json"):
        pytest.skip("JSON answers carry nothing beside the result")
    slow, booked = run(proxy, client, ["slow", {"steps": 3}], ["book", {}])
    assert (slow["text"], slow["progress"]) == ("done", [1, 2, 3])
    if client == "py" and proxy.form == "py-sse":
        return  # between these two the stateless revision is spoken, in which a server asks nothing on a stream
    assert re.match("user says accept true", booked["text"], re.IGNORECASE), booked


@pytest.mark.parametrize("client", CLIENTS)
def test_guardrails_on_arguments_and_results(client, proxy):
    enforce(proxy, guardrails=[policies.guard("g", "s3cr3t-[0-9]+", "redact", ("tool_results", "tool_args"))])
    read, refunded = run(proxy, client, ["read_key", {}], ["refund", {"order": "s3cr3t-1", "amount": 1}])
    assert read["text"] == "the key is [REDACTED], keep it"
    assert refunded["text"] == "refunded 1 for [REDACTED]"
    enforce(proxy, guardrails=[policies.guard("g", "s3cr3t-[0-9]+", "block", ("tool_results", "tool_args"))])
    read, refunded = run(proxy, client, ["read_key", {}], ["refund", {"order": "s3cr3t-1", "amount": 1}])
    assert read["error"] and read["text"].startswith("blocked by rule `g`"), read
    assert "blocked by rule `g` at /params/arguments/order" in refunded["raised"], refunded


@pytest.mark.parametrize("client", CLIENTS)
def test_limits_and_the_kill_switch(client, proxy):
    enforce(proxy, labels={"run": [{"header": "x-run"}]},
            limits=[{"id": "few", "per": ["run"], "allow": {"calls": 2, "every": "1h"}}])
    call = ["add", {"a": 1, "b": 1}]
    results = run(proxy, client, call, "list", call, "list", call, headers={"x-run": client + proxy.form})
    assert [result["text"] for result in results[:3:2]] == ["2", "2"]
    assert "2 tool calls" in results[4]["raised"] or "limit `few`" in results[4]["raised"], results[4]
    enforce(proxy, labels={"kill": [{"header": "x-kill"}]}, fallbacks={"sorry": {"text": "Resting."}},
            failsafe=[{"id": "k", "when": {"dialect": "mcp", "kill": "add"}, "do": {"fallback": "sorry"}}])
    killed = run_json(proxy, "add", {"x-kill": "add"})
    assert killed["result"]["isError"] and killed["result"]["content"][0]["text"] == "Resting."


def run_json(envoy, tool, headers):
    """A call by hand."""
    body = {"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": {"name": tool, "arguments": {}}}
    answer = fetch(envoy.port, "POST", "/mcp", json.dumps(body).encode(),
                   {"accept": "application/json, text/event-stream", "content-type": "application/json"} | headers)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.parametrize("headers", [
    {}, {"content-type": "application/json"}, {"content-type": "application/grpc"},
    {"content-type": "text/plain", "accept": "*/*"}], ids=["nothing", "json", "grpc", "plain"])
@pytest.mark.parametrize("path", ["/mcp", "/tools", "/messages/?session_id=1"])
def test_a_call_without_a_sign_does_not_slip_through(headers, path, proxy):
    enforce(proxy, **DENY)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_all"}}
    for body in (json.dumps(call), json.dumps([call]), json.dumps({"pad": "x" * 200_000} | call)):
        answer = fetch(proxy.port, "POST", path, body.encode(), headers)
        # A server may refuse what says that it is no JSON before its body has come; then it has not run either.
        assert answer.status in (200, 403) and answer.header("x-hemostat-decision") or answer.status >= 400, answer.body
        assert b"all is gone" not in answer.body


def test_other_traffic_is_not_held(proxy):
    enforce(proxy, **DENY)
    for body in (b"--b\r\nx", json.dumps({"items": ["x" * 300_000], "method": "POST"}).encode(), b""):
        answer = fetch(proxy.port, "POST", "/upload", body, {"content-type": "application/json"})
        assert answer.header("x-hemostat-decision") is None
