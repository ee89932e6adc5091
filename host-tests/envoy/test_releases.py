"""Releases on a real Envoy: pushed, polled, refused, rolled back, while traffic runs."""

import concurrent.futures
import json
import os
import threading
import time

import pytest
from release_load import Load, quantile

import policies
from rig import recordings
from rig.client import fetch
from rig.releases import (
    EVE,
    FOLLOWS_WITHIN_S,
    ONCALL,
    OPS,
    TOKEN,
    WORKERS,
    Proxy,
    digest,
    release,
    serial_after,
    sign,
    verified_elsewhere,
    version,
)


@pytest.fixture(scope="module")
def proxy(upstream):
    """A proxy of four workers."""
    with Proxy(upstream.port, policies.policy("baseline"), workers=WORKERS) as running:
        yield running
        assert running.alive(), running.log_tail()


def test_a_release_is_in_force_when_its_post_is_answered(proxy):
    serial = serial_after(proxy)
    envelope = release(serial, policies.policy("posted"))
    status, said = proxy.post(envelope)
    assert (status, said["outcome"], said["serial"], said["version"]) == (200, "activated", serial, "posted")
    assert {version(proxy) for _ in range(20)} == {"posted"}
    assert proxy.post(envelope)[1]["outcome"] == "unchanged"
    shown = proxy.status()
    assert (shown["version"], shown["serial"], shown["source"], shown["key_ids"]) == (
        "posted",
        serial,
        "post",
        ["ops-2026"],
    )


BAD = {
    "unsigned": (lambda s: sign({"serial": s}), 403, "untrusted"),
    "stranger": (lambda s: release(s, policies.policy("bad"), EVE), 403, "untrusted"),
    "on-call authors": (lambda s: release(s, policies.policy("bad"), ONCALL), 403, "not-permitted"),
    "staging's": (lambda s: release(s, policies.policy("bad"), scope="staging"), 403, "wrong-scope"),
    "replayed": (lambda s: release(s - 1, policies.policy("bad")), 409, "serial-reused"),
    "older": (lambda s: release(1, policies.policy("bad")), 409, "stale-serial"),
    "not held": (lambda s: release(s, None, policy_digest=digest(policies.policy("never"))), 409, "not-held"),
    "bad pattern": (
        lambda s: release(s, policies.policy("bad", guardrails=[policies.guard("g", "a(", "block")])),
        422,
        "bad-policy",
    ),
    "future language": (lambda s: release(s, {"hemostat": 2}), 422, "bad-policy"),
    "garbage": (lambda s: "garbage", 400, "not-an-envelope"),
    "empty": (lambda s: "", 400, "not-an-envelope"),
    "oversized": (lambda s: release(s, policies.policy("bad")) + " " * 1_600_000, 413, "too-big"),
    "a grant": (
        lambda s: sign({"scope": "prod-eu"}, OPS, payload_type="application/vnd.hemostat.grant+json"),
        400,
        "wrong-type",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_release_changes_nothing_and_says_why(name, proxy):
    proxy.post(release(serial_after(proxy), policies.policy("good")))
    before = proxy.status()
    make, wanted, code = BAD[name]
    status, said = proxy.post(make(before["serial"] + 1))
    assert (status, said["ok"], said["code"]) == (wanted, False, code), said
    after = proxy.status()
    assert (after["serial"], after["digest"]) == (before["serial"], before["digest"])
    # What is too long is refused before it is read, and is not kept.
    assert (after["last_error"] or {}).get("code") == (None if name == "oversized" else code)
    assert version(proxy) == "good"


def test_the_listener_has_few_paths_and_a_token(proxy):
    for path in (
        "/",
        "/v1/chat/completions",
        "/.hemostat/status/x",
        "/.hemostat/policy",
        "/.hemostat/release/",
    ):
        assert fetch(proxy.control_port, "GET", path).status == 404, path
    assert fetch(proxy.control_port, "POST", "/.hemostat/status", b"{}").status == 405
    assert fetch(proxy.control_port, "PUT", "/.hemostat/release", b"{}").status == 405
    for path in ("", "/", "/release", f"/policy/{proxy.status()['digest']}"):
        assert fetch(proxy.control_port, "GET", f"/.hemostat{path}").status == 401, path
    for token in (None, "", "wrong", TOKEN + "x"):
        assert proxy.post(release(serial_after(proxy), policies.policy("bad")), token=token)[0] == 401
    # The traffic's listener knows none of it.
    assert b"serial" not in fetch(proxy.port, "GET", "/.hemostat/status").body


def test_releases_under_load(proxy, upstream):
    """40 releases, good, bad and rollbacks, in 20 s of steady load with streams in flight; see `measure` for 200."""
    run = Load(proxy, upstream, seconds=20, releases=40)
    run.go()
    assert run.failures == []
    assert len(run.requests) > 200
    assert max(run.delays) < FOLLOWS_WITHIN_S, sorted(run.delays)[-5:]


@pytest.mark.skipif("HEMOSTAT_MEASURE" not in os.environ, reason="takes five minutes: set HEMOSTAT_MEASURE")
@pytest.mark.timeout(900)
def test_measure_two_hundred_releases_in_two_minutes(proxy, upstream):
    calm = Load(proxy, upstream, seconds=60, releases=0)
    calm.go()
    run = Load(proxy, upstream, seconds=120, releases=200)
    run.go()
    assert (calm.failures, run.failures) == ([], [])
    print(f"\nrequests: {len(run.requests)}, streams: {run.streams}")
    print(
        f"all workers followed within: median {quantile(run.delays, 0.5):.3f} s, "
        f"p99 {quantile(run.delays, 0.99):.3f} s, worst {max(run.delays):.3f} s"
    )
    print(
        f"p99 of requests: {quantile(run.requests, 0.99) * 1e3:.1f} ms with pushes, "
        f"{quantile(calm.requests, 0.99) * 1e3:.1f} ms without: "
        f"×{quantile(run.requests, 0.99) / quantile(calm.requests, 0.99):.2f}"
    )
    print(f"memory after 20 releases {run.memory[0] / 1e6:.1f} MB, after {run.releases} {run.memory[-1] / 1e6:.1f} MB")
    assert max(run.delays) < FOLLOWS_WITHIN_S


def test_from_a_policy_to_a_rollback(proxy, command, tmp_path):
    """The whole way by command: keys, release, push, status, activate, rollback, history, diff."""
    ops, oncall = OPS.write(tmp_path), ONCALL.write(tmp_path)
    first, second, overlay = (tmp_path / name for name in ("first.yaml", "second.yaml", "sev1.yaml"))
    first.write_text("{hemostat: 1, version: first}")
    second.write_text("{hemostat: 1, version: second, failsafe: [{id: kill, when: {path: /never*}, do: block}]}")
    overlay.write_text("{hemostat: 1, version: sev1, failsafe: [{id: stop, when: {path: /nowhere*}, do: block}]}")
    blob = tmp_path / "current.json"
    for policy in (first, second):
        code, said = command(
            "release",
            policy,
            "--scope",
            "prod-eu",
            "--key",
            ops,
            "--out",
            blob,
            "--prepare",
            overlay,
            "--reason",
            "INC-4711",
            proxies=[proxy],
        )
        assert code == 0, said
        code, said = command("push", blob, "--wait", proxies=[proxy])
        assert code == 0 and "serving" in said, said
    assert version(proxy) == "second"

    code, said = command(
        "activate", tmp_path / "current.prepared" / "sev1.json", "--key", oncall, "--wait", proxies=[proxy]
    )
    assert code == 0, said
    assert version(proxy) == "second_sev1"

    began = time.monotonic()
    code, said = command("rollback", "--key", oncall, "--wait", proxies=[proxy])
    elapsed = time.monotonic() - began
    assert code == 0 and "version second " in said, said
    assert {version(proxy) for _ in range(16)} == {"second"}
    assert elapsed < 2

    serial = next(one["serial"] for one in proxy.status()["history"] if one["version"] == "first")
    code, said = command("rollback", "--key", oncall, "--to", serial, proxies=[proxy])
    assert code == 1 and "not-permitted" in said, said
    code, said = command("rollback", "--key", ops, "--to", serial, proxies=[proxy])
    assert code == 0 and version(proxy) == "first", said

    code, said = command("status", "--line", proxies=[proxy])
    assert code == 0 and said.startswith("policy first (serial "), said
    code, said = command("history", proxies=[proxy])
    assert code == 0 and "rolls back" in said and "INC-4711" in said, said
    code, said = command("diff", first, blob)
    assert code == 1 and "+ failsafe: `kill` is new" in said, said
    for line in (ops.read_text().split()[2], oncall.read_text().split()[2]):
        assert line not in said


def test_what_we_sign_is_verified_by_another_implementation(command, tmp_path):
    policy, blob = tmp_path / "p.yaml", tmp_path / "r.json"
    policy.write_text('{hemostat: 1, version: é, reason: "1.0 \u2028 \\"x\\""}'.replace("é", "v-1"))
    code, said = command(
        "release", policy, "--scope", "prod-eu", "--serial", 7, "--key", OPS.write(tmp_path), "--out", blob
    )
    assert code == 0, said
    assert verified_elsewhere(blob.read_text(), OPS) == ["ops-2026"]
    code, said = command("release", "--cosign", blob, "--key", ONCALL.write(tmp_path))
    assert code == 0, said
    assert verified_elsewhere(blob.read_text(), OPS, ONCALL) == ["oncall", "ops-2026"]
    with pytest.raises(Exception, match="(?i)signature|threshold"):
        verified_elsewhere(blob.read_text(), EVE)


def test_keys_are_private_and_never_shown(command, tmp_path):
    code, said = command("keygen", "ops", "--out", tmp_path, "--may", "release")
    path = tmp_path / "ops.key"
    assert code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert "may: [release]" in said
    secret = path.read_text().split()[2]
    assert secret not in said
    assert command("keygen", "ops", "--out", tmp_path)[0] == 2
    policy = tmp_path / "p.yaml"
    policy.write_text("{hemostat: 1}")
    code, said = command("release", policy, "--scope", "s", "--key", "env:KEY", env={"KEY": path.read_text()})
    assert code == 0
    assert secret not in said
    path.chmod(0o644)
    code, said = command("release", policy, "--scope", "s", "--key", path)
    assert code == 2
    assert "chmod 600" in said
    assert secret not in said
    code, said = command(
        "release", policy, "--scope", "s", "--key", "env:KEY", env={"KEY": "hemostat-secret-key ops oops"}
    )
    assert code == 2
    assert "oops" not in said


def test_one_proxy_of_three_is_down(upstream, proxy, command, tmp_path):
    with (
        Proxy(upstream.port, policies.policy("baseline")) as other,
        Proxy(upstream.port, policies.policy("baseline")) as down,
    ):
        fleet = [down, proxy, other]
        down.process.terminate()
        down.process.wait(timeout=10)
        blob = tmp_path / "r.json"
        # A test before this one may have left on-call a list, which these releases do not name.
        blob.write_text(release(serial_after(proxy) + 1, policies.policy("two")))
        assert command("push", blob, "--drop-prepared", "--wait", proxies=[proxy])[0] == 0
        blob.write_text(release(serial_after(proxy) + 10, policies.policy("three")))
        code, said = command("push", blob, "--wait", "--within", 2, "--json", proxies=fleet)
        fates = [one["fate"] for one in json.loads(said)["proxies"]]
        assert (code, fates) == (2, ["unknown", "serving", "serving"]), said
        assert version(proxy) == version(other) == "three"
        # Progress: each one as it comes, and the one that is down does not keep the others.
        code, said = command("push", blob, "--wait", "--within", 1, proxies=fleet)
        assert code == 2 and said.count("serves it;") == 2 and "given up; 0 to go" in said, said
        assert "2 of 3 proxies serve it" in said, said
        # The answer "no" is another code than "not reached".
        blob.write_text(release(1, policies.policy("old")))
        code, said = command("push", blob, proxies=[proxy, other])
        assert code == 1 and said.count("(stale-serial)") == 2, said
        code, said = command("status", proxies=fleet)
        assert code == 2 and said.count(" three ") >= 2 and "not reached" in said, said


# --- the polled source ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on_expiry", "after"), [("keep", "ends"), ("previous", "before"), ("baseline", "baseline")])
def test_an_end_is_seen_to(on_expiry, after, upstream):
    with Proxy(upstream.port, policies.policy("baseline")) as proxy:
        proxy.post(release(1, policies.policy("before")))
        status, said = proxy.post(
            release(2, policies.policy("ends"), expires=int(time.time()) + 2, on_expiry=on_expiry)
        )
        assert status == 200, said
        assert version(proxy) == "ends"
        time.sleep(3.5)
        assert {version(proxy) for _ in range(8)} == {after}
        assert proxy.status()["serial"] == 2


def test_the_sample_is_valid_with_keys():
    """The sample holds no keys: with them, Envoy takes it as it is."""
    from rig.envoy import load_sample

    text = json.dumps(load_sample("control/envoy.yaml"))
    assert text.count("REPLACE-ME") == 5


# --- what survives a restart ------------------------------------------------------------------------------------------


def test_two_activations_end_each_in_its_time(upstream, command, tmp_path):
    """`a` for six seconds, then `b` for two: `a` is back, and then the policy of the day; each on every worker."""
    ops, oncall = OPS.write(tmp_path), ONCALL.write(tmp_path)
    names = ("day", "a", "b")
    files = {name: tmp_path / f"{name}.yaml" for name in names}
    for name, path in files.items():
        path.write_text(f"{{hemostat: 1, version: {name}}}")
    blob, prepared = tmp_path / "current.json", tmp_path / "current.prepared"
    with Proxy(upstream.port, policies.policy("baseline"), workers=WORKERS) as proxy:
        code, said = command("release", files["day"], "--scope", "prod-eu", "--key", ops, "--out", blob,
                             "--prepare", files["a"], "--prepare", files["b"], proxies=[proxy])
        assert code == 0, said
        assert command("push", blob, "--wait", proxies=[proxy])[0] == 0

        def soon(seconds):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))

        for name, ends in (("a", soon(8)), ("b", soon(3))):
            code, said = command("activate", prepared / f"{name}.json", "--key", oncall, "--expires", ends, "--wait",
                                 proxies=[proxy])
            assert code == 0, said
        assert {version(proxy) for _ in range(16)} == {"day_b"}
        proxy._until(6, "the end of b", lambda: version(proxy) == "day_a")
        assert proxy.status()["standing"] == "expired-to-previous"
        proxy._until(8, "the end of a", lambda: version(proxy) == "day")
        time.sleep(1)
        assert {version(proxy) for _ in range(16)} == {"day"}

        # Both again, and back by the on-call key: one step, and then to the day's policy whatever came between.
        for name in ("a", "b"):
            assert command("activate", prepared / f"{name}.json", "--key", oncall, proxies=[proxy])[0] == 0
        code, said = command("rollback", "--key", oncall, "--wait", proxies=[proxy])
        assert code == 0 and "as it was to be" in said, said
        assert (version(proxy), proxy.status()["expires"] is None) == ("day_a", False)
        serial = next(one["serial"] for one in proxy.status()["history"] if one["version"] == "day")
        code, said = command("rollback", "--key", oncall, "--to", serial, proxies=[proxy])
        assert code == 0 and version(proxy) == "day", said
        # Twice in a row: the second takes the first back, where that is said.
        assert command("rollback", "--key", oncall, proxies=[proxy])[0] == 1
        for wanted in ("day_a", "day"):
            assert command("rollback", "--key", oncall, "--again", proxies=[proxy])[0] == 0
            assert version(proxy) == wanted


# --- the way of an incident, walked -----------------------------------------------------------------------


def test_a_drill_changes_nothing_and_comes_back(upstream, command, tmp_path):
    """While traffic asks for the feature that the overlay would stop."""
    key, base, overlay = OPS.write(tmp_path), tmp_path / "base.yaml", tmp_path / "kill.yaml"
    base.write_text("{hemostat: 1, version: base, labels: {feature: [{header: x-feature}]}}")
    overlay.write_text(
        "{hemostat: 1, version: kill, failsafe: [{id: kill, when: {feature: checkout}, do: {fallback: sorry}}], "
        "fallbacks: {sorry: {text: Not now.}}}"
    )
    blob, over = tmp_path / "current.json", threading.Event()
    with Proxy(upstream.port, policies.policy("baseline")) as proxy, concurrent.futures.ThreadPoolExecutor(1) as pool:

        def traffic():
            body, statuses = recordings.minimal_request("openai-chat", False), set()
            while not over.is_set():
                answer = fetch(proxy.port, "POST", "/v1/chat/completions", body, {"x-feature": "checkout"})
                statuses.add((answer.status, b"Not now." in answer.body, answer.header("x-hemostat-action")))
            return statuses

        assert command("drill", overlay, "--policy", base, "--key", key, proxies=[proxy])[0] == 1, "not in force"
        assert command("release", base, "--scope", "prod-eu", "--key", key, "--out", blob, proxies=[proxy])[0] == 0
        assert command("push", blob, "--wait", proxies=[proxy])[0] == 0
        running = pool.submit(traffic)
        try:
            code, said = command("drill", overlay, "--policy", base, "--key", key, "--for", 2, proxies=[proxy])
        finally:
            over.set()
        assert code == 0, said
        assert running.result() == {(200, False, None)}
        line = next(line.split() for line in said.splitlines() if line.startswith("kill "))
        assert line[1] == "fallback" and int(line[2]) > 0, said
        assert (version(proxy), proxy.status()["serial"]) == ("base", 3)
