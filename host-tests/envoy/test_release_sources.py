"""Where releases come from beside a post: a source that is polled, and the configuration; across restarts too."""

import json
import time

import pytest

import policies
from rig import recordings
from rig.client import fetch
from rig.releases import FOLLOWS_WITHIN_S, ONCALL, OPS, WORKERS, Proxy, digest, release, version
from rig.replay import Answer
from rig.source import Source


@pytest.fixture
def source():
    running = Source()
    yield running
    running.close()


def test_a_source_is_followed_whatever_its_moods(upstream, source):
    source.body = release(7, policies.policy("polled-7")).encode()
    with Proxy(upstream.port, policies.policy("baseline"), source_port=source.port, workers=WORKERS) as proxy:
        proxy.wait_for(7)
        assert {version(proxy) for _ in range(16)} == {"polled-7"}
        source.body = release(8, policies.policy("polled-8")).encode()
        began = time.monotonic()
        proxy.wait_for(8)
        assert time.monotonic() - began < FOLLOWS_WITHIN_S
        # One poller a process: five pollers, one for each VM, would ask five times as often.
        source.asked = source.not_modified = 0
        time.sleep(3)
        assert 8 <= source.asked <= 20, source.asked
        assert source.not_modified >= source.asked - 1

        for mood in ("error", "garbage", "huge"):
            source.mood = mood
            time.sleep(1.5)
            assert version(proxy) == "polled-8", mood
        assert proxy.status()["serial"] == 8
        source.mood = "good"
        source.body = release(3, policies.policy("old")).encode()
        time.sleep(4)
        assert version(proxy) == "polled-8"
        assert proxy.status()["last_error"]["code"] == "stale-serial"
        # A source always serves the whole policy.
        source.body = release(9, None, policy_digest=digest(policies.policy("polled-7"))).encode()
        time.sleep(1)
        assert proxy.status()["last_error"]["code"] == "digest-only"
        source.body = release(10, policies.policy("polled-10")).encode()
        proxy.wait_for(10)
        assert version(proxy) == "polled-10"
        assert proxy.alive()


def test_a_slow_or_dead_source_stops_nothing_and_is_found_again(upstream, source):
    source.mood = "slow"
    with Proxy(upstream.port, policies.policy("baseline"), source_port=source.port) as proxy:
        assert version(proxy) == "baseline"
        time.sleep(6)
        assert version(proxy) == "baseline"
        source.mood = "good"
        source.body = release(7, policies.policy("polled")).encode()
        proxy.wait_for(7, seconds=15)
        source.close()
        time.sleep(1)
        assert version(proxy) == "polled"


def test_a_configured_release_is_the_start_and_the_floor(upstream):
    start = json.loads(release(41, policies.policy("configured")))
    with Proxy(upstream.port, policies.policy("baseline"), plugin={"release": start}) as proxy:
        assert {version(proxy) for _ in range(8)} == {"configured"}
        assert proxy.status()["source"] == "configuration"
        assert proxy.post(release(40, policies.policy("old")))[1]["code"] == "stale-serial"
        # One step back from the first release is the inline policy.
        assert proxy.post(release(42, None, ONCALL, policy_digest=digest(policies.policy("baseline"))))[0] == 200
        assert version(proxy) == "baseline"


# --- without a policy, and after the end ------------------------------------------------------------------------------


@pytest.mark.parametrize("on_error", ["closed", "open"])
def test_until_the_first_release_on_error_decides(on_error, upstream):
    with Proxy(upstream.port, None, plugin={"policy": None, "on_error": on_error}) as proxy:
        body = recordings.minimal_request("openai-chat", False)
        answer = fetch(proxy.port, "POST", "/v1/chat/completions", body)
        if on_error == "open":
            assert answer.status == 200
        else:
            assert (answer.status, answer.header("retry-after")) == (503, "1")
            assert json.loads(answer.body)["error"]["code"] == "no_policy"
        # What is no call of a model is no business of the filter's.
        assert fetch(proxy.port, "GET", "/healthz").status == 200
        assert proxy.status()["standing"] == "none"
        proxy.post(release(1, policies.policy("first")))
        assert version(proxy) == "first"


def test_after_a_restart_the_configured_release_is_start_and_floor(upstream, command, tmp_path):
    start = json.loads(release(41, policies.policy("configured", guardrails=[policies.guard("r", "fine", "tag")])))
    with Proxy(upstream.port, policies.policy("baseline"), plugin={"release": start}) as proxy:
        script = upstream.script("fine", Answer(json.dumps({"choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "fine"}}]}).encode()))
        fetch(proxy.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False),
              {"x-replay": script})
        assert proxy.status()["rules"]["r"]["tag"] == 1
        for serial in (42, 43):
            assert proxy.post(release(serial, policies.policy(f"v{serial}")))[0] == 200
        newest = proxy.status()
        assert (newest["serial"], len(newest["held"]), len(newest["history"])) == (43, 4, 4)

        proxy.restart()
        shown = proxy.status()
        assert (shown["serial"], shown["version"], shown["source"]) == (41, "configured", "configuration")
        assert [one["version"] for one in shown["held"]] == ["configured", "baseline"]
        assert [one["serial"] for one in shown["history"]] == [41, 0]
        assert (shown["rules"]["r"]["tag"], shown["last_error"]) == (0, None)
        assert {version(proxy) for _ in range(8)} == {"configured"}
        # Its serial is the floor; what was in force before is not held: it must come whole.
        assert proxy.post(release(40, policies.policy("old")))[1]["code"] == "stale-serial"
        assert proxy.post(release(41, policies.policy("other")))[1]["code"] == "serial-reused"
        gone = release(44, None, policy_digest=digest(policies.policy("v42")))
        assert proxy.post(gone)[1]["code"] == "not-held"
        # The command says what to do, and does it.
        before = tmp_path / "before.json"
        before.write_text(json.dumps(policies.policy("v42")))
        code, said = command("rollback", "--key", OPS.write(tmp_path), "--to", 42, proxies=[proxy])
        assert code == 1 and "`hemostat release` and `hemostat push`" in said, said
        assert proxy.post(release(42, policies.policy("v42")))[0] == 200
        assert version(proxy) == "v42"


def test_without_a_floor_a_restart_takes_what_the_source_serves(upstream, source):
    source.body = release(9, policies.policy("polled-9")).encode()
    with Proxy(upstream.port, policies.policy("baseline"), source_port=source.port) as proxy:
        proxy.wait_for(9)
        source.body = release(3, policies.policy("old")).encode()
        time.sleep(1.5)
        assert version(proxy) == "polled-9"
        proxy.restart()
        proxy.wait_for(3)
        assert version(proxy) == "old"


# --- activations, one after another -----------------------------------------------------------------------------------
