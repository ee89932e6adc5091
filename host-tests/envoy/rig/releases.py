"""Signed releases, made by an implementation of DSSE that is not ours (securesystemslib), and proxies that take them:
the sample `envoy/control` with ports, keys and upstream replaced."""

import base64
import hashlib
import json
import os
import pathlib
import subprocess

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from . import recordings
from .client import fetch
from .envoy import ROOT, STARTS_WITHIN_S, Envoy, EnvoyError, envoy_binary, load_sample

PAYLOAD_TYPE = "application/vnd.hemostat.release+json"
SCOPE = "prod-eu"
TOKEN = "a token for tests"
FOLLOWS_WITHIN_S = 1.0
WORKERS = 4


class Key:
    """An Ed25519 key that everybody knows: its seed is its name's digest."""

    def __init__(self, name):
        self.name = name
        self.seed = hashlib.sha256(name.encode()).digest()
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = base64.b64encode(raw).decode()

    def write(self, folder):
        """The key as `hemostat` reads it."""
        path = pathlib.Path(folder) / f"{self.name}.key"
        path.write_text(f"hemostat-secret-key {self.name} {base64.b64encode(self.seed).decode()}\n")
        path.chmod(0o600)
        return path


OPS, ONCALL, EVE = Key("ops-2026"), Key("oncall"), Key("eve")


def sign(payload, *keys, payload_type=PAYLOAD_TYPE):
    """An envelope of a payload (data, or bytes)."""
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    envelope = Envelope(payload=payload, payload_type=payload_type, signatures={})
    for key in keys:
        envelope.sign(CryptoSigner(key.private))
    return json.dumps(envelope.to_dict())


def release(serial, policy, *keys, **fields):
    """A signed release of a policy."""
    payload = {
        "scope": SCOPE,
        "serial": serial,
        "issued_at": "2026-11-24T07:00:00Z",
        "issuer": "tests",
        "policy": policy,
    }
    payload |= fields
    return sign({key: value for key, value in payload.items() if value is not None}, *(keys or (OPS,)))


def digest(policy):
    """The digest of a policy; those of the tests hold no number for which JSON and RFC 8785 differ."""
    text = json.dumps(policy, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def verified_elsewhere(envelope, *keys):
    """The names of these keys, all of which must have signed, as securesystemslib sees it."""
    public = []
    for key in keys:
        raw = key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        public.append(SSlibKey(key.name, "ed25519", "ed25519", {"public": raw.hex()}))
    return sorted(Envelope.from_dict(json.loads(envelope)).verify(public, len(public)))


def trust(**fields):
    """`trust` of the tests' proxies."""
    keys = {"ops-2026": OPS.public, "oncall": {"key": ONCALL.public, "may": ["rollback", "approve"]}}
    return {"keys": keys, "threshold": 1} | fields


class Proxy(Envoy):
    """One Envoy with a traffic listener (`port`) and a control listener (`control_port`)."""

    def __init__(self, upstream_port, policy, *, source_port=None, workers=2, plugin=None,
                 sample="control/envoy.yaml", show_labels=()):
        # `Envoy` makes folder and defaults; its own configuration is not used.
        super().__init__(upstream_port, policy, workers=workers)
        self.config = load_sample(sample)
        self.config["admin"]["address"]["socket_address"]["port_value"] = 0
        # What the sample allows is its own test's; here a test says what it needs.
        shared = {"allow": None, "hold_headers": True, "scope": SCOPE, "trust": trust(), "policy": policy}
        shared |= plugin or {}
        for listener in self.config["static_resources"]["listeners"]:
            listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
            wasm = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]["typed_config"][
                "config"
            ]
            wasm["vm_config"]["code"]["local"]["filename"] = str(self.module)
            own = json.loads(wasm["configuration"]["value"]) | shared
            if "source" in own:
                own["source"] = own["source"] | {"every_ms": 200} if source_port else None
            if own.get("control", {}).get("releases"):
                own["control"]["token"] = "sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()
                own["control"]["show_labels"] = list(show_labels)
            own = {key: value for key, value in own.items() if value is not None}
            wasm["configuration"]["value"] = json.dumps(own)
        ports = {"model": upstream_port, "second": upstream_port, "policy": source_port or 9}
        for cluster in self.config["static_resources"]["clusters"]:
            cluster.pop("transport_socket", None)
            cluster["type"] = "STATIC"
            address = {"address": "127.0.0.1", "port_value": ports[cluster["name"]]}
            cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] = (
                address
            )

    def start(self):
        (self.dir / "envoy.json").write_text(json.dumps(self.config))
        command = [
            envoy_binary(),
            "--config-path",
            str(self.dir / "envoy.json"),
            "--admin-address-path",
            str(self.dir / "admin"),
            "--concurrency",
            str(self.workers),
            "--disable-hot-restart",
            "--log-level",
            "warning",
            "--component-log-level",
            "wasm:info",
            "--file-flush-interval-msec",
            "50",
        ]
        with open(self.dir / "access.log", "wb") as out, open(self.dir / "envoy.log", "wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        try:
            self._until(STARTS_WITHIN_S, "Envoy to start", self._is_ready)
        except EnvoyError:
            self.stop()
            raise
        listeners = json.loads(self.admin("/listeners?format=json"))["listener_statuses"]
        ports = {one["name"]: one["local_address"]["socket_address"]["port_value"] for one in listeners}
        self.port, self.control_port = ports["llm"], ports.get("control")

    def restart(self):
        """Ends the process and starts another with the same configuration, at other ports."""
        self.process.terminate()
        self.process.wait(timeout=10)
        (self.dir / "admin").unlink()
        self.start()

    @property
    def url(self):
        """The control listener, as `hemostat` takes it."""
        return f"http://127.0.0.1:{self.control_port}"

    def post(self, envelope, token=TOKEN):
        """Offers a release: `(status, what was said)`."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = fetch(self.control_port, "POST", "/.hemostat/release", envelope.encode(), headers)
        return answer.status, json.loads(answer.body)

    def status(self):
        """What the proxy says of itself."""
        return json.loads(fetch(self.control_port, "GET", "/.hemostat/status").body)

    def wait_for(self, serial, seconds=5):
        """Waits until a serial is in force."""
        self._until(seconds, f"serial {serial}", lambda: self.status()["serial"] == serial)


def hemostat():
    """The command: `$HEMOSTAT`, else built from this tree."""
    if given := os.environ.get("HEMOSTAT"):
        return given
    built = subprocess.run(
        ["cargo", "build", "--locked", "--package", "hemostat-cli", "--message-format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    messages = (json.loads(line) for line in built.stdout.splitlines() if line.startswith("{"))
    return next(message["executable"] for message in messages if message.get("executable"))


def serial_after(proxy):
    """The next serial of a proxy that tests share."""
    return proxy.status()["serial"] + 1


def version(proxy):
    """The version that a new request meets."""
    answer = fetch(proxy.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False))
    assert answer.status == 200
    return answer.header("x-hemostat-policy")
