"""One Envoy and one replay upstream for the whole run; a policy for each test that wants one."""

import os
import subprocess

import pytest

from rig import recordings
from rig.client import fetch
from rig.envoy import EMPTY_POLICY, Envoy
from rig.releases import TOKEN, hemostat
from rig.replay import Upstream


@pytest.fixture(scope="session")
def upstream():
    """The replay upstream."""
    with Upstream() as server:
        yield server


@pytest.fixture(scope="session")
def shared_envoy(upstream):
    """An Envoy with the built filter, two workers."""
    with Envoy(upstream.port) as running:
        yield running


@pytest.fixture
def envoy(shared_envoy):
    """The shared Envoy; a test that ends with it dead fails, with the end of its log."""
    yield shared_envoy
    assert shared_envoy.alive(), shared_envoy.log_tail()


@pytest.fixture(scope="session")
def enforce(shared_envoy):
    """`enforce(policy)`: puts a policy in force, unless it is already."""

    def push(policy=EMPTY_POLICY):
        if shared_envoy.policy != policy:
            shared_envoy.push(policy)

    return push


@pytest.fixture
def replay(envoy):
    """`replay(recording, options)`: sends a recording's request through Envoy, and has its answer replayed."""

    def send(recording, options="", headers=None):
        fields = {"x-replay": f"{recording.id};{options}"} | (headers or {})
        return fetch(envoy.port, recording.method, recording.path, recording.request_body, fields)

    return send


@pytest.fixture
def ask(envoy):
    """`ask(dialect, …)`: a small request of a dialect through Envoy."""

    def send(dialect, stream=False, *, x_replay=None, headers=None, text="Hello"):
        fields = ({"x-replay": x_replay} if x_replay else {}) | (headers or {})
        return fetch(envoy.port, "POST", recordings.minimal_path(dialect, stream),
                     recordings.minimal_request(dialect, stream, text), fields)

    return send


@pytest.fixture(scope="session")
def command():
    """`command(proxies, *words)`: runs `hemostat`; gives exit code and what it said."""
    binary = hemostat()

    def run(*words, proxies=(), env=None, cwd=None):
        urls = ",".join(getattr(one, "url", one) for one in proxies)
        full = (
            os.environ | {"HEMOSTAT_TOKEN": TOKEN, "HEMOSTAT_PROXIES": urls, "HEMOSTAT_ISSUER": "tests"} | (env or {})
        )
        done = subprocess.run(
            [binary, *map(str, words)], capture_output=True, text=True, env=full, cwd=cwd, timeout=120
        )
        return done.returncode, done.stdout + done.stderr

    return run
