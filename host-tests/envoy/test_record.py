"""The sample `envoy/record`: what its tap writes, `hemostat replay` plays."""

import json
import subprocess
import time

from scripted import DONE, SSE, chat, delta
from test_samples import with_module

from rig.client import fetch
from rig.envoy import Envoy, connection_manager, load_sample
from rig.releases import hemostat
from rig.replay import Answer

POLICY = """
hemostat: 1
version: tonight
labels: {feature: [{header: x-feature}]}
guardrails: [{id: birds, scan: [output], find: [nightingale], do: {redact: "[BIRD]"}}]
failsafe: [{id: kill, when: {feature: checkout}, do: {fallback: sorry}}]
fallbacks: {sorry: {text: Not now.}}
"""


def test_recorded_traffic_is_replayed(upstream, tmp_path):
    config = with_module(load_sample("record/envoy.yaml"))
    tap = next(f for f in connection_manager(config)["http_filters"] if f["name"] == "envoy.filters.http.tap")
    (sink,) = tap["typed_config"]["common_config"]["static_config"]["output_config"]["sinks"]
    traffic = tmp_path / "traffic"
    traffic.mkdir()
    sink["file_per_tap"]["path_prefix"] = str(traffic / "tap")
    whole = upstream.script("whole", Answer(chat("A nightingale sings.")))
    events = [delta("A nightin"), delta("gale sings."), DONE]
    stream = upstream.script("stream", Answer(b"".join(events), content_type=SSE))
    with Envoy(upstream.port, config=config) as envoy:
        calls = ((whole, False, "search"), (stream, True, "search"), (whole, False, "checkout"))
        for script, streams, feature in calls:
            body = json.dumps({"model": "m", "stream": streams, "messages": [{"role": "user", "content": "Hi"}]})
            answer = fetch(envoy.port, "POST", "/v1/chat/completions", body.encode(),
                           {"x-replay": script, "x-feature": feature})
            assert b"nightin" in answer.body
        assert fetch(envoy.port, "GET", "/healthz").status == 200
        deadline = time.monotonic() + 10
        while len(list(traffic.glob("tap*.json"))) < 3:
            assert time.monotonic() < deadline, "the tap wrote nothing"
            time.sleep(0.05)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    done = subprocess.run([hemostat(), "replay", policy, traffic, "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["exchanges"], said["calls"], said["untimed"], said["not_read"]) == (3, 3, 0, [])
    assert (said["answered"], said["changed_out"]) == (1, 2)
    rules = {rule["rule"]: (rule["action"], rule["exchanges"], rule["labels"]["feature"]) for rule in said["rules"]}
    assert rules == {"birds": ("redact", 2, {"search": 2}), "kill": ("fallback", 1, {"checkout": 1})}
