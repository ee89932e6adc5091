"""Whether what is said to be in force is so: filters that cannot follow, hosts without bodies, the page, providers."""

import http.server
import json
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

import policies
from rig import recordings
from rig.client import fetch
from rig.envoy import ROOT
from rig.releases import EVE, TOKEN, Proxy, digest, release

CHROMIUM = shutil.which("chromium")


def wasm_of(proxy, listener):
    """The filter of a listener, before the proxy starts."""
    (one,) = (own for own in proxy.config["static_resources"]["listeners"] if own["name"] == listener)
    filters = one["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    return filters[0]["typed_config"]["config"]


def change(proxy, listener, **fields):
    """Other fields in the plugin's configuration of one listener."""
    wasm = wasm_of(proxy, listener)
    own = json.loads(wasm["configuration"]["value"]) | fields
    wasm["configuration"]["value"] = json.dumps(own)


def until(proxy, holds, seconds=10):
    """Waits until status is as wanted; gives it."""
    ends = time.monotonic() + seconds
    while not holds(status := proxy.status()):
        assert time.monotonic() < ends, status
        time.sleep(0.1)
    return status


def ask(proxy):
    return fetch(proxy.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False))


def test_a_listener_with_another_key_is_not_following(upstream):
    proxy = Proxy(upstream.port, policies.policy("baseline"), workers=2)
    change(proxy, "llm", trust={"keys": {"ops-2026": EVE.public}})
    with proxy:
        until(proxy, lambda status: status["in_force"] == "everywhere")
        status, said = proxy.post(release(7, policies.policy("kill")))
        assert (status, said["outcome"]) == (200, "activated")
        assert said["in_force"] != "everywhere", "it is not known yet"
        shown = until(proxy, lambda status: status["in_force"] == "not-everywhere")
        (problem,) = shown["not_following"]
        assert (problem["code"], problem["listener"], problem["version"]) == ("untrusted", "traffic", "baseline")
        assert ask(proxy).header("x-hemostat-policy") == "baseline"
        assert any(event["event"] == "not_following" for event in shown["events"])
        stats = proxy.admin("/stats/prometheus")
        assert re.search(r'^hemostat_not_following\{scope="prod-eu"\} 1$', stats, re.M), stats
        # The next answer says so at once.
        assert proxy.post(release(8, policies.policy("again")))[1]["in_force"] == "not-everywhere"


def test_listeners_that_agree_are_everywhere_and_every_thread_counts(upstream):
    with Proxy(upstream.port, policies.policy("baseline"), workers=3) as proxy:
        proxy.post(release(7, policies.policy("posted")))
        # Three workers and the main thread, of both listeners: each says so itself, in its own time.
        told = [("control", 4), ("traffic", 4)]
        shown = until(proxy, lambda status: status["in_force"] == "everywhere" and told == sorted(
            (one["listener"], one["threads"]) for one in status["followers"]))
        assert shown["not_following"] == []
        headers = {"authorization": f"Bearer {TOKEN}"}
        envelope = fetch(proxy.control_port, "GET", "/.hemostat/release", headers=headers)
        assert (envelope.status, envelope.body.decode()) == (200, release(7, policies.policy("posted")))
        path = f"/.hemostat/policy/{digest(policies.policy('posted'))}"
        held = fetch(proxy.control_port, "GET", path, headers=headers)
        assert (held.status, json.loads(held.body)) == (200, policies.policy("posted"))


def test_a_filter_without_envoys_field_is_told_of(upstream):
    guard = policies.guard("g", "never", "block")
    proxy = Proxy(upstream.port, policies.policy("baseline", guardrails=[guard | {"scan": ["input"]}]), workers=1)
    del wasm_of(proxy, "llm")["allow_on_headers_stop_iteration"]
    with proxy:
        body = recordings.minimal_request("openai-chat", False)
        with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n"
            caller.sendall(head.encode() + body)
            shown = until(proxy, lambda status: status["not_following"], seconds=15)
        assert shown["not_following"][0]["code"] == "no-bodies"
        assert proxy.log_tail().count("allow_on_headers_stop_iteration") == 1


@pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine")
def test_the_page_shows_what_is_in_force_in_a_browser(upstream):
    # Markup, and a character that turns the words behind it around.
    reason = "<img src=x onerror=document.title='broken'>\u202e"
    with Proxy(upstream.port, policies.policy("baseline"), workers=1) as proxy:
        assert proxy.post(release(7, policies.policy("shown"), reason=reason))[0] == 200
        assert ask(proxy).status == 200
        until(proxy, lambda status: status["in_force"] == "everywhere")
        url = f"http://anybody:{TOKEN.replace(' ', '%20')}@127.0.0.1:{proxy.control_port}/.hemostat/"
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000",
                   "--dump-dom", url]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        assert "<title>shown · Hemostat</title>" in shown, shown[-2000:]
        assert "Every filter of this scope acts by it." in shown
        assert "&lt;img src=x" in shown and "<img" not in shown
        assert "\ufffd" in shown and "\u202e" not in shown


class StatusPages(http.server.BaseHTTPRequestHandler):
    """Two providers' pages, by host."""

    answers = {}
    asked = []

    def do_GET(self):
        type(self).asked.append((self.headers["host"], self.path))
        body = type(self).answers.get(self.headers["host"], b"<html>not here</html>")
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_what_providers_say_is_shown_and_nothing_acts_on_it(upstream):
    pages = pathlib.Path(ROOT) / "testdata/providers"
    StatusPages.answers = {
        "status.one.example": (pages / "statuspage.json").read_bytes(),
        "status.two.example": (pages / "compatible.json").read_bytes(),
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StatusPages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    providers = {
        name: {"cluster": "policy", "authority": f"status.{name}.example", "every": "10s"}
        for name in ("one", "two", "gone")
    }
    proxy = Proxy(upstream.port, policies.policy("baseline"), workers=2)
    change(proxy, "control", providers=providers)
    for cluster in proxy.config["static_resources"]["clusters"]:
        if cluster["name"] == "policy":
            endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
            endpoint["address"]["socket_address"]["port_value"] = server.server_port
    try:
        with proxy:
            wanted = {"one", "two", "gone"}
            shown = until(proxy, lambda s: {p["name"] for p in s["providers"] if p["as_of"] or p["error"]} == wanted)
            one, two, gone = (
                next(p for p in shown["providers"] if p["name"] == name) for name in ("one", "two", "gone"))
            assert (one["indicator"], [i["status"] for i in one["incidents"]]) == ("major", ["identified"])
            assert one["incidents"][0]["name"] == "Elevated errors on <all> models"
            assert (two["indicator"], len(two["incidents"])) == ("minor", 2)
            assert gone["error"] == "its answer is not JSON"
            told = [event for event in shown["events"] if event["event"] == "provider_incident"]
            assert len(told) == 3, told
            assert StatusPages.asked[0][1] == "/api/v2/summary.json"
            assert ask(proxy).status == 200, "no rule acts on it"
            # The incident is over: told once.
            StatusPages.answers["status.one.example"] = (pages / "calm.json").read_bytes()
            resolved = {"hemostat.provider.status": "resolved"}.items()
            shown = until(proxy, lambda s: any(resolved <= e.items() for e in s["events"]), 20)
            assert len(shown["events"]) == 4
            asked = [host for host, _ in StatusPages.asked if host == "status.one.example"]
            assert len(asked) <= 3, "once a process, not once a worker"
    finally:
        server.shutdown()
