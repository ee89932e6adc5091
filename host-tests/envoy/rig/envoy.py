"""A real Envoy under test: started from the sample configuration of `envoy/ecds`, with ports, paths and upstream
replaced, so that what is tested is what operators are given.

The policy travels as it does in production: a file in a watched directory (ECDS), replaced by a rename.
"""

import copy
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "envoy"
MODULE = pathlib.Path(os.environ.get("HEMOSTAT_WASM", ROOT / "dist" / "hemostat.wasm"))

# An empty policy: every byte passes.
EMPTY_POLICY = {"hemostat": 1, "version": "empty"}

STARTS_WITHIN_S = 60
POLICY_ARRIVES_WITHIN_S = 20


class EnvoyError(Exception):
    """Envoy did not do what was asked; the message ends with the tail of its log."""


def envoy_binary():
    """The Envoy to run: `$ENVOY`, else the one that tools/setup brought."""
    path = os.environ.get("ENVOY") or str(ROOT / ".tools" / "envoy")
    if not os.access(path, os.X_OK):
        raise EnvoyError("no Envoy: run `./just setup`, or set ENVOY to an Envoy binary")
    return path


def load_sample(name):
    """A sample configuration of `envoy/`, as data."""
    return yaml.safe_load((SAMPLES / name).read_text())


def connection_manager(config):
    """The HTTP connection manager of a configuration's only listener."""
    (listener,) = config["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def wasm_filter(config):
    """The filter of a file configuration (not ECDS)."""
    return next(f for f in connection_manager(config)["http_filters"] if f["name"] == "hemostat")["typed_config"]


def localise(config, upstream_port, admin_port=0, listener_port=0):
    """Makes a sample run on this machine: free ports on the loopback, and a plain upstream in place of the provider."""
    config["admin"]["address"]["socket_address"]["port_value"] = admin_port
    (listener,) = config["static_resources"]["listeners"]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": listener_port}
    for cluster in config["static_resources"]["clusters"]:
        cluster.pop("transport_socket", None)
        cluster["type"] = "STATIC"
        for endpoint in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]:
            endpoint["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": upstream_port}
    return config


class Envoy:
    """One Envoy process. Use as a context manager."""

    def __init__(self, upstream_port, policy=None, *, module=MODULE, workers=2, config=None, with_filter=True,
                 hold_headers=True, log_level="warning"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hemostat-envoy-"))
        self.module = pathlib.Path(module)
        self.workers = workers
        self.hold_headers = hold_headers
        self.log_level = log_level
        self.policy = policy or EMPTY_POLICY
        self.process = None
        self.port = self.admin_port = None
        self._pushes = 0
        self.config = localise(config or load_sample("ecds/envoy.yaml"), upstream_port)
        filters = connection_manager(self.config)["http_filters"]
        if not with_filter:
            filters[:] = [f for f in filters if f["name"] != "hemostat"]
        for entry in filters:
            if "config_discovery" in entry:
                source = entry["config_discovery"]["config_source"]["path_config_source"]
                source["path"] = str(self.dir / "ecds" / "filter.yaml")
                source["watched_directory"]["path"] = str(self.dir / "ecds")

    def add_cluster(self, name, port):
        """One more upstream on the loopback; before the start."""
        address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        self.config["static_resources"]["clusters"].append({
            "name": name, "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": {"cluster_name": name,
                                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
        })

    # --- life ---------------------------------------------------------------------------------------------------

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, refused=False):
        """Starts Envoy and waits until it serves. Envoy ends when this process ends. `refused`: the filter is expected
        to refuse its policy."""
        if not self.module.is_file():
            raise EnvoyError(f"no module at {self.module}: run `./just wasm`")
        (self.dir / "ecds").mkdir(exist_ok=True)
        self._write_filter(self.plugin(self.policy))
        (self.dir / "envoy.json").write_text(json.dumps(self.config))
        command = [
            envoy_binary(), "--config-path", str(self.dir / "envoy.json"),
            "--admin-address-path", str(self.dir / "admin"),
            "--concurrency", str(self.workers), "--disable-hot-restart", "--log-level", self.log_level,
            "--component-log-level", "wasm:info",
            "--file-flush-interval-msec", "50", "--drain-time-s", "1",
        ]
        with open(self.dir / "access.log", "wb") as out, open(self.dir / "envoy.log", "wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        try:
            self._until(STARTS_WITHIN_S, "Envoy to start", self._is_ready)
        except EnvoyError:
            self.stop()
            raise
        if bool(self._ecds_counts()[1]) != refused:
            tail = self.log_tail()
            self.stop()
            raise EnvoyError(f"the first policy was {'taken' if refused else 'refused'}\n{tail}")
        listeners = json.loads(self.admin("/listeners?format=json"))["listener_statuses"]
        self.port = listeners[0]["local_address"]["socket_address"]["port_value"]

    def stop(self):
        """Ends Envoy; its files are kept where HEMOSTAT_KEEP is set."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if not os.environ.get("HEMOSTAT_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def alive(self):
        """True while the process runs."""
        return self.process is not None and self.process.poll() is None

    def _is_ready(self):
        if not self.alive():
            raise EnvoyError(f"Envoy ended with {self.process.returncode}\n{self.log_tail()}")
        address = self.dir / "admin"
        if not address.exists() or ":" not in address.read_text():
            return False
        self.admin_port = int(address.read_text().rsplit(":", 1)[1])
        try:
            return self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def _until(self, seconds, what, condition):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.02)
        raise EnvoyError(f"waited {seconds} s for {what}\n{self.log_tail()}")

    # --- policies -----------------------------------------------------------------------------------------------

    def plugin(self, policy):
        """The plugin's configuration that carries this policy."""
        return {"hold_headers": self.hold_headers, "policy": policy}

    def _write_filter(self, plugin):
        response = copy.deepcopy(load_sample("ecds/filter.yaml"))
        self._pushes += 1
        response["version_info"] = str(self._pushes)
        config = response["resources"][0]["typed_config"]["config"]
        config["vm_config"]["code"]["local"]["filename"] = str(self.module)
        # A text is passed on as it is, so that what is broken in it reaches the filter.
        text = plugin if isinstance(plugin, str) else json.dumps(plugin)
        config["configuration"] = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
        fresh = self.dir / "filter.new"
        fresh.write_text(json.dumps(response, ensure_ascii=False))
        os.replace(fresh, self.dir / "ecds" / "filter.yaml")

    def push(self, policy):
        """Puts a policy in force and waits until every worker follows it. Raises where the filter refuses it."""
        accepted, log = self.try_plugin(self.plugin(policy))
        if not accepted:
            raise EnvoyError(f"the policy was refused:\n{log}")
        self.policy = policy

    def try_plugin(self, plugin):
        """Pushes a plugin configuration; `(accepted, what Envoy logged meanwhile)`."""
        before, mark = self._ecds_counts(), len(self.log())
        self._write_filter(plugin)
        self._until(POLICY_ARRIVES_WITHIN_S, "the policy to be read", lambda: self._ecds_counts() != before)
        # The main thread counts before the workers' turn; each of them takes it up at its next event.
        time.sleep(0.1)
        return self._ecds_counts()[1] == before[1], self.log()[mark:]

    def _ecds_counts(self):
        stats = self.stats("extension_config_discovery")
        return tuple(
            sum(value for key, value in stats.items() if key.endswith("." + name))
            for name in ("update_success", "update_rejected")
        )

    # --- what Envoy shows ---------------------------------------------------------------------------------------

    def admin(self, path, method="GET"):
        """An answer of the admin interface, as text."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read().decode()

    def stats(self, containing):
        """Counters and gauges whose name contains a text."""
        entries = json.loads(self.admin(f"/stats?format=json&filter={containing}"))["stats"]
        return {entry["name"]: entry["value"] for entry in entries if "value" in entry}

    def prometheus(self, name):
        """`{labels: value}` of one metric of /stats/prometheus; labels as a frozenset of `(key, value)`."""
        found = {}
        for line in self.admin("/stats/prometheus").splitlines():
            if line.startswith(name + "{"):
                labels, value = line[len(name) + 1:].rsplit("} ", 1)
                pairs = [pair.split("=", 1) for pair in labels.split(",") if pair]
                found[frozenset((key, text.strip('"')) for key, text in pairs)] = int(value)
        return found

    def count(self, name, **labels):
        """The sum of a metric's series that carry these labels."""
        wanted = set(labels.items())
        return sum(value for have, value in self.prometheus(name).items() if wanted <= have)

    def access_log(self):
        """The access log's entries so far."""
        lines = (self.dir / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def access_entry(self, where, seconds=5):
        """The newest access-log entry for which `where` holds; waits for it, since Envoy writes the log later."""
        found = []

        def look():
            found[:] = [entry for entry in self.access_log() if where(entry)]
            return bool(found)

        self._until(seconds, "the access-log entry", look)
        return found[-1]

    def log(self):
        """Envoy's own log so far."""
        return (self.dir / "envoy.log").read_text(errors="replace")

    def log_tail(self, lines=40):
        """The end of Envoy's log, for a failure's message."""
        return "--- the end of Envoy's log ---\n" + "\n".join(self.log().splitlines()[-lines:])

    def resident_bytes(self):
        """Resident memory of the process."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise EnvoyError("no VmRSS in /proc")


def validate(config):
    """Runs `envoy --mode validate` on a configuration; `(accepted, what Envoy said)`."""
    with tempfile.TemporaryDirectory(prefix="hemostat-validate-") as folder:
        path = pathlib.Path(folder) / "envoy.json"
        path.write_text(json.dumps(config))
        done = subprocess.run([envoy_binary(), "--mode", "validate", "--config-path", str(path)],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        return done.returncode == 0, done.stdout + done.stderr
