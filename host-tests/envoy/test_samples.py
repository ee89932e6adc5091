"""The sample configurations of `envoy/`: Envoy takes them as they are, and they run."""

import json
import os
import re
import shutil
import socket
import subprocess
import time

import pytest
import yaml
from scripted import chat

import policies
from rig import recordings
from rig.client import fetch
from rig.envoy import MODULE, SAMPLES, Envoy, connection_manager, load_sample, validate, wasm_filter
from rig.releases import EVE, ONCALL, OPS, Proxy, hemostat, release
from rig.replay import Answer


def with_module(config):
    """The sample with this machine's module in place of the operator's path."""
    wasm_filter(config)["config"]["vm_config"]["code"]["local"]["filename"] = str(MODULE)
    return config


def test_the_standalone_sample_is_valid():
    accepted, said = validate(with_module(load_sample("standalone/envoy.yaml")))
    assert accepted, said


def test_the_ecds_sample_is_valid(tmp_path):
    config = load_sample("ecds/envoy.yaml")
    source = connection_manager(config)["http_filters"][0]["config_discovery"]["config_source"]["path_config_source"]
    # Envoy wants the file to be there already.
    (tmp_path / "filter.yaml").write_text((SAMPLES / "ecds" / "filter.yaml").read_text())
    source["path"], source["watched_directory"]["path"] = str(tmp_path / "filter.yaml"), str(tmp_path)
    accepted, said = validate(config)
    assert accepted, said


def test_every_sample_says_the_same_where_it_must():
    """One fact, two files: what both samples hold must not drift apart."""
    standalone, ecds = load_sample("standalone/envoy.yaml"), load_sample("ecds/envoy.yaml")
    for sample in SAMPLES.glob("*/envoy.yaml"):
        assert yaml.safe_load(sample.read_text())["stats_config"] == standalone["stats_config"] == ecds["stats_config"]
    inline = wasm_filter(standalone)["config"]
    (resource,) = load_sample("ecds/filter.yaml")["resources"]
    assert inline == resource["typed_config"]["config"]


@pytest.fixture
def keys(monkeypatch):
    """The keys of both providers, as the switch sample wants them."""
    monkeypatch.setenv("MODEL_AUTHORIZATION", "Bearer first-key")
    monkeypatch.setenv("SECOND_AUTHORIZATION", "Bearer second-key")


def test_the_switch_sample_is_valid(keys):
    accepted, said = validate(with_module(load_sample("switch/envoy.yaml")))
    assert accepted, said


def test_the_switch_sample_holds_the_policy_of_that_name():
    inline = json.loads(wasm_filter(load_sample("switch/envoy.yaml"))["config"]["configuration"]["value"])["policy"]
    policy = yaml.safe_load((SAMPLES.parent / "policies" / "switch-provider.yaml").read_text())
    policy["switch"][0]["when"]["until"] = "2099-01-01T00:00:00Z"  # YAML made it a time
    assert inline == policy


def test_the_switch_sample_moves_traffic_with_host_and_key(keys, upstream):
    name = upstream.script("fine", Answer(chat("fine")))
    with Envoy(upstream.port, config=with_module(load_sample("switch/envoy.yaml"))) as envoy:
        for model, sent, host, key in [
            ("gpt-5", "gpt-oss-120b", "api.second.example", "second-key"),
            ("other", "other", "api.openai.com", "first-key"),
        ]:
            body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]})
            # A caller that would choose for itself is not heard.
            answer = fetch(envoy.port, "POST", "/v1/chat/completions", body.encode(),
                           {"x-replay": name, "x-hemostat-upstream": "second", "authorization": "Bearer caller"})
            assert answer.status == 200
            call = upstream.last
            assert call.json == {**json.loads(body), "model": sent}
            assert (call.header("host"), call.header("authorization")) == (host, f"Bearer {key}")
            assert call.header("x-hemostat-upstream") is None


@pytest.mark.parametrize("sample", sorted(path.parent.name for path in SAMPLES.glob("*/envoy.yaml")))
def test_every_sample_has_a_page(sample):
    assert (SAMPLES / sample / "README.md").read_text().startswith("# ")
    for path in (SAMPLES / sample).glob("*.yaml"):
        yaml.safe_load(path.read_text())


def test_the_standalone_sample_guards(upstream):
    key = "AKIA" + "IOSFODNN7" + "EXAMPLE"
    name = upstream.script("leak", Answer(chat(f"The key is {key}.")))
    with Envoy(upstream.port, config=with_module(load_sample("standalone/envoy.yaml"))) as envoy:
        answer = fetch(envoy.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False),
                       {"x-replay": name})
        assert json.loads(answer.body)["choices"][0]["message"]["content"] == "The key is [REDACTED]."


def with_keys(config, **fields):
    """The sample with the keys of the tests, and other fields of the filter's configuration, in each listener."""
    for listener in config["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        plugin = next(f for f in manager["http_filters"] if f["name"] == "hemostat")["typed_config"]["config"]
        plugin["vm_config"]["code"]["local"]["filename"] = str(MODULE)
        value = json.loads(plugin["configuration"]["value"])
        value["trust"]["keys"] = {OPS.name: OPS.public, ONCALL.name: {"key": ONCALL.public, "may": ["rollback"]}}
        value |= {key: new for key, new in fields.items() if key in value}
        plugin["configuration"]["value"] = json.dumps(value)
    return config


def test_the_release_sample_starts_with_its_release(upstream):
    envelope = json.loads(release(7, policies.policy("signed")))
    config = with_keys(load_sample("release/envoy.yaml"), release=envelope)
    with Envoy(upstream.port, config=config) as envoy:
        answer = fetch(envoy.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False))
        assert (answer.status, answer.header("x-hemostat-policy")) == (200, "signed")


def test_the_release_sample_refuses_a_stranger():
    envelope = json.loads(release(7, policies.policy("signed"), EVE))
    accepted, said = validate(with_keys(load_sample("release/envoy.yaml"), release=envelope))
    assert not accepted and "untrusted" in said, said


class Nginx:
    """nginx as the sample `envoy/source` runs it, with a port and folders of this test's own."""

    def __init__(self, binary, folder):
        self.root, self.folder = folder / "policy", folder
        self.root.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        text = (SAMPLES / "source" / "nginx.conf").read_text()
        for sample, here in (("listen 8080;", f"listen 127.0.0.1:{self.port};"), ("/srv/policy", str(self.root)),
                             ("/tmp/hemostat-nginx.pid", str(folder / "pid")),
                             ("/dev/stdout", str(folder / "access.log"))):
            assert sample in text
            text = text.replace(sample, here)
        # The folders of a test are its user's alone; started as root, nginx would read as somebody else.
        user = "user root;\n" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(f"daemon off;\n{user}{text}")
        self.process = subprocess.Popen([binary, "-p", str(folder), "-c", str(folder / "nginx.conf")],
                                        stderr=subprocess.DEVNULL)

    def answers(self):
        """The statuses that it has given to requests for the release."""
        log = self.folder / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split('" ')[1].split()[0] for line in lines if "GET /current.json" in line]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)


@pytest.fixture
def nginx(tmp_path):
    """nginx, where there is one."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not binary:
        pytest.skip("there is no nginx")
    running = Nginx(binary, tmp_path)
    yield running
    running.stop()


def test_the_source_sample_follows_a_file_on_nginx(upstream, nginx, tmp_path):
    """The sample as it is, with nginx as it is, and `hemostat push --to`."""
    with Proxy(upstream.port, policies.policy("baseline"), sample="source/envoy.yaml", source_port=nginx.port) as proxy:
        def run(*words):
            env = os.environ | {"HEMOSTAT_PROXIES": proxy.url, "HEMOSTAT_ISSUER": "tests"}
            done = subprocess.run([hemostat(), *map(str, words)], capture_output=True, text=True, env=env, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        key, blob = OPS.write(tmp_path), tmp_path / "current.json"
        for label in ("first", "second"):
            policy = tmp_path / f"{label}.yaml"
            policy.write_text(f"{{hemostat: 1, version: {label}}}")
            run("release", policy, "--scope", "prod-eu", "--key", key, "--out", blob)
            assert "serving" in run("push", blob, "--to", nginx.root, "--wait")
            body = recordings.minimal_request("openai-chat", False)
            answer = fetch(proxy.port, "POST", "/v1/chat/completions", body)
            assert answer.header("x-hemostat-policy") == label
        time.sleep(1.5)
        answers = nginx.answers()
        assert answers.count("200") == 2, "each file once; then its ETag"
        assert answers.count("304") >= 2
        assert [path.name for path in nginx.root.iterdir()] == ["current.json"]
        run("rollback", "--key", key, "--policy", tmp_path / "first.yaml", "--to-dir", nginx.root, "--wait")
        assert proxy.status()["version"] == "first"
        # This listener takes nothing, and says why.
        status, answer = proxy.post(release(99, policies.policy("posted")))
        assert status == 405 and "releases: false" in str(answer)
        # The source goes down: what is in force goes on, and each failure doubles the pause.
        nginx.stop()
        time.sleep(4)
        poll = proxy.status()["poll"]
        assert 2 <= poll["failures"] <= 4, poll
        assert fetch(proxy.port, "POST", "/v1/chat/completions", body).header("x-hemostat-policy") == "first"


def test_the_sample_that_sends_traces_is_valid_and_sends_the_whole_record():
    sample = with_module(load_sample("observe/envoy.yaml"))
    accepted, said = validate(sample)
    assert accepted, said
    manager = connection_manager(sample)
    logged, exported = (entry["typed_config"] for entry in manager["access_log"])
    record = {key for key in logged["log_format"]["json_format"] if key.startswith(("hemostat.", "gen_ai."))}
    assert record <= {value["key"] for value in exported["attributes"]["values"]}
    assert record == {tag["tag"] for tag in manager["tracing"]["custom_tags"]}


def test_every_sample_logs_the_whole_record():
    """The keys are those of docs/operations.md; labels are the policy's own."""
    page = (SAMPLES.parent / "docs" / "operations.md").read_text()
    record = page.split("## The access log")[1].split("\n## ")[0]
    for path in SAMPLES.glob("*/envoy.yaml"):
        logged = path.read_text()
        for key in re.findall(r"`((?:hemostat|gen_ai)\.[a-z_.]+)`", record):
            if key != "hemostat.label":
                assert f"wasm.{key}:PLAIN" in logged, f"{path}: {key}"
