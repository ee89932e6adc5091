"""Programs that people look at traces and counters with, as processes: Prometheus, Arize Phoenix, MLflow."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import yaml


def free_port():
    """A port of the loopback that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Backend:
    """One of them; ready when `url` answers. Use as a context manager."""

    def __init__(self, command, url, folder, env=None, within_s=300):
        self.log = folder / "backend.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=os.environ | (env or {}), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + within_s
        while True:
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except (OSError, urllib.error.URLError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"{command[0]} does not serve\n{self.log.read_text()[-3000:]}") from None
                time.sleep(0.3)

    def stop(self):
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Phoenix(Backend):
    """Arize Phoenix, with its data in a folder."""

    def __init__(self, command, folder, port=None):
        self.port = port or free_port()
        env = {"PHOENIX_PORT": str(self.port), "PHOENIX_HOST": "127.0.0.1", "PHOENIX_GRPC_PORT": str(free_port()),
               "PHOENIX_WORKING_DIR": str(folder), "PHOENIX_TELEMETRY_ENABLED": "false"}
        super().__init__([command, "serve"], f"http://127.0.0.1:{self.port}/healthz", folder, env)


class Mlflow(Backend):
    """MLflow's tracking server, with its data in a folder."""

    def __init__(self, command, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        serve = [command, "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
                 "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
        super().__init__(serve, f"{self.url}/health", folder)


class Prometheus(Backend):
    """A Prometheus that scrapes one proxy's admin port. `alerts`: a file of rules, or rules as data."""

    def __init__(self, folder, admin_port, alerts, every="500ms", port=None):
        self.port = port or free_port()
        if not isinstance(alerts, str):
            (folder / "alerts.yaml").write_text(yaml.safe_dump(alerts))
            alerts = str(folder / "alerts.yaml")
        (folder / "prometheus.yaml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [alerts],
            "scrape_configs": [{"job_name": "envoy", "metrics_path": "/stats/prometheus",
                                "static_configs": [{"targets": [f"127.0.0.1:{admin_port}"]}]}]}))
        command = ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
                   f"--web.listen-address=127.0.0.1:{self.port}"]
        super().__init__(command, f"http://127.0.0.1:{self.port}/-/ready", folder)

    def firing(self):
        """The alerts that fire, by name, with their labels."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=5) as answer:
                alerts = json.load(answer)["data"]["alerts"]
        except OSError:
            return {}
        return {alert["labels"]["alertname"]: alert["labels"] for alert in alerts if alert["state"] == "firing"}
