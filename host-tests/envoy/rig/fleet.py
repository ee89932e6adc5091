"""What a fleet shares: a Redis, a rate-limit service over it (`host-tests/rls`), and Envoys that ask it, started from
the sample `envoy/fleet` with ports, policy and upstream replaced."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import yaml

from .envoy import ROOT, SAMPLES, Envoy, EnvoyError, load_sample

STARTS_WITHIN_S = 20
SAMPLE = SAMPLES / "fleet"


def rls_binary():
    """The service: `$HEMOSTAT_RLS`, else what tools/setup built."""
    path = os.environ.get("HEMOSTAT_RLS") or str(ROOT / ".tools" / "rls" / "debug" / "hemostat-rls")
    if not os.access(path, os.X_OK):
        raise EnvoyError("no rate-limit service: run `tools/setup rls`, or set HEMOSTAT_RLS")
    return path


def free_port():
    """A port that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Redis:
    """One Redis on a port of its own, which can stop and start again, empty. Use as a context manager."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hemostat-redis-"))
        self.port = free_port()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def url(self):
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/"

    def start(self):
        """Starts it and waits until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", str(self.dir)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.ask("PING") == b"+PONG":
                    return
            time.sleep(0.02)
        raise EnvoyError("redis-server does not answer")

    def stop(self):
        """Ends it, at once."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ask(self, *words):
        """One command; the answer as it comes, without its end."""
        line = b"*%d\r\n" % len(words)
        for word in words:
            line += b"$%d\r\n%s\r\n" % (len(word), word.encode())
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(line)
            return connection.recv(1 << 20).strip()

    def counters(self):
        """Every counter and what it stands at."""
        keys = [key.decode() for key in self.ask("KEYS", "*").split(b"\r\n")[2::2]]
        counts = {key: int(self.ask("GET", key).split(b"\r\n")[1]) for key in keys if not key.startswith("held:")}
        # One that only reservations have begun has counted nothing.
        return {key: count for key, count in counts.items() if count}

    def held(self):
        """What every reservation holds that nobody has ended."""
        keys = self.ask("KEYS", "held:*").split(b"\r\n")[2::2]
        values = [value for key in keys for value in self.ask("HVALS", key.decode()).split(b"\r\n")[2::2]]
        return [int(value.split()[0]) for value in values]


class Rls:
    """One rate-limit service. `limitador` and `ratelimit`: limits in the forms of those services' own files; `more`:
    what is out of order (host-tests/rls)."""

    def __init__(self, redis, limitador=(), ratelimit=(), **more):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hemostat-rls-"))
        config = self.dir / "config.json"
        config.write_text(json.dumps({"limitador": list(limitador), "ratelimit": list(ratelimit)} | more))
        self.command = [rls_binary(), "0", redis.url, str(config)]
        self.process = self.port = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        if not line:
            raise EnvoyError("the rate-limit service did not start")
        self.port = int(line)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def limits_of_sample():
    """The limits of the sample folder, as `Rls` takes them."""
    return {
        "limitador": yaml.safe_load((SAMPLE / "limitador.yaml").read_text()),
        "ratelimit": [yaml.safe_load((SAMPLE / "ratelimit.yaml").read_text())],
    }


class Member(Envoy):
    """One Envoy of a fleet: the sample with another upstream, service and policy."""

    def __init__(self, upstream_port, rls_port, policy, workers=2):
        # `Envoy` makes folder and defaults, and rewrites every cluster to the upstream.
        super().__init__(upstream_port, policy, workers=workers, config=load_sample("fleet/envoy.yaml"))
        for cluster in self.config["static_resources"]["clusters"]:
            if cluster["name"] == "ratelimit":
                point_to(cluster, rls_port)

    def start(self, refused=False):
        manager = self.config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        wasm = manager["http_filters"][0]["typed_config"]["config"]
        wasm["vm_config"]["code"]["local"]["filename"] = str(self.module)
        wasm["configuration"]["value"] = json.dumps(self.plugin(self.policy))
        super().start(refused)


def point_to(cluster, port):
    """Gives a cluster this port of the loopback."""
    endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    endpoint["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}


class Fleet:
    """Envoys that start and stop together."""

    def __init__(self, *envoys):
        self.envoys = envoys

    def __enter__(self):
        for envoy in self.envoys:
            envoy.start()
        return self.envoys

    def __exit__(self, *_):
        alive = [envoy.alive() for envoy in self.envoys]
        for envoy in self.envoys:
            envoy.stop()
        assert all(alive)
