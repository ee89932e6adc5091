"""The sample configurations of `envoy/`: Envoy takes them as they are, and they run."""

import json

import pytest
import yaml
from scripted import chat

from rig import recordings
from rig.client import fetch
from rig.envoy import MODULE, SAMPLES, Envoy, connection_manager, load_sample, validate, wasm_filter
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
    assert standalone["stats_config"] == ecds["stats_config"]
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
