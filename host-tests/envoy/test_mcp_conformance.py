"""The protocol's own conformance suite, straight at a server and through an Envoy with guards on: the same score.

Scenarios that the server itself fails count too: what matters is that the filter changes none of them. The suite is the
newest that runs on Node.js 20; it knows the revisions up to 2025-11-25.
"""

import contextlib
import pathlib
import re
import socket
import subprocess
import time

import pytest

import policies
from rig.envoy import Envoy

HERE = pathlib.Path(__file__).parent
SUITE = HERE / "js" / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
# Every lever looks at every message, and nothing hits.
GUARDS = policies.policy(
    "guards",
    guardrails=[policies.guard("all", "never said by anybody", "block", scan=["input", "output", "tool_args"]),
                policies.guard("pii", "pack:pii", {"redact": "[X]"}, scan=["input", "tool_args"])],
    tools=[{"match": "no-such-tool", "do": "deny"}, {"match": "nor-this", "do": "approve"}],
    limits=[{"id": "calls", "allow": {"calls": 100000, "every": "1m"}}],
)


@pytest.fixture(scope="module")
def server():
    """The port of the server that the suite asks for."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(["node", str(HERE / "js" / "mcp_conformance_server.mjs"), str(port)])
    try:
        for _ in range(200):
            assert process.poll() is None, "the server did not start"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def score(port, folder):
    """How many checks of each scenario passed and failed, as the suite says."""
    command = ["node", str(SUITE), "server", "--url", f"http://127.0.0.1:{port}/mcp", "--output-dir", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = re.findall(r"^\W*([a-z][\w-]+): (\d+) passed, (\d+) failed", ran.stdout, re.MULTILINE)
    assert lines, ran.stdout[-2000:] + ran.stderr[-2000:]
    return {name: (int(passed), int(failed)) for name, passed, failed in lines}


def test_the_score_with_guards_on_is_the_score_without(server, tmp_path):
    straight = score(server, tmp_path / "straight")
    assert len(straight) >= 25
    assert sum(passed for passed, _ in straight.values()) >= 25, straight
    with Envoy(server, GUARDS) as envoy:
        through = score(envoy.port, tmp_path / "through")
        assert envoy.count("hemostat_requests_total", dialect="mcp") > len(straight)
    assert through == straight
