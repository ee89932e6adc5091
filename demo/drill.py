#!/usr/bin/env python3
"""`./just drill`: a game day. A shop's traffic runs through a real Envoy with the filter; one of five things breaks and
nobody says which. Find out with `hemostat scope` and Prometheus, and mend it with a prepared overlay; `--auto` plays
the operator too. What it took is measured where callers are, and the post-mortem is made from the day's own logs. The
exit code is 1 where callers were not well in the end."""

import argparse
import contextlib
import http.server
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "host-tests" / "envoy"), str(ROOT / "demo")]

import shelf  # noqa: E402
import yaml  # noqa: E402

from rig.backends import Prometheus  # noqa: E402
from rig.client import fetch  # noqa: E402
from rig.envoy import EnvoyError  # noqa: E402
from rig.receiver import Receiver  # noqa: E402
from rig.releases import OPS, SCOPE, TOKEN, Proxy, hemostat  # noqa: E402

KEY = "AKIA" + "Z7QXAMPLE4DEMO23"  # the shape of a cloud key; nobody's
RUDE = "You are worthless, and so is your parcel."
# What is in the drawer: each mends one of the five.
OVERLAYS = sorted(path.stem for path in (shelf.FOLDER / "drill").glob("*.yaml"))
# What breaks, and the overlay that mends it.
FAULTS = {"regression": "rollback-prompt", "outage": "provider-down", "leak": "stop-leaks", "rogue": "stop-agents",
          "runaway": "cap-cost"}
RATE = 'sum(rate(hemostat_rule_hits_total{%s}[5s])) > 0.5'
ALERTS = {"groups": [{"name": "drill", "rules": [
    {"alert": "AnswersTurnedRude", "expr": RATE % 'rule="rude"', "for": "1s"},
    {"alert": "SecretsLeave", "expr": RATE % 'rule="secrets"', "for": "1s"},
    {"alert": "AgentsDestroy", "expr": RATE % 'rule="destructive"', "for": "1s"},
    {"alert": "ProviderFails", "for": "1s",
     "expr": 'sum(rate(envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}[5s])) > 0.5'},
    {"alert": "MoneyRunsAway", "expr": "sum(rate(hemostat_cost_microusd_total[5s])) > 150000", "for": "1s"}]}]}
CALM_S, GIVES_UP_S, WELL_S = 7, 900, 5
# So long a quick person reads before they move.
READS_S = 8


class Model(http.server.BaseHTTPRequestHandler):
    """A model; `fault` says what is wrong with it or with its callers."""

    protocol_version = "HTTP/1.1"
    fault = None
    chance = random.Random(3)

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        feature, version = self.headers["x-feature"], self.headers["x-prompt-version"]
        status, text, calls, usage = 200, "Your parcel is on its way.", None, (1000, 100)
        hit = self.chance.random() < 0.4
        if self.fault == "outage":
            status = 503
        elif self.fault == "regression" and version == "43" and hit:
            text = RUDE
        elif self.fault == "leak" and feature == "support" and hit:
            text = f"Use the key {KEY} for that."
        elif self.fault == "rogue" and feature == "agent":
            text, calls = None, [{"id": "call_1", "type": "function",
                                  "function": {"name": "delete_customer", "arguments": '{"id": 7}'}}]
        message = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
        body = {"id": f"chatcmpl-{self.chance.getrandbits(40)}", "object": "chat.completion", "created": 1,
                "model": "gpt-5", "choices": [{"index": 0, "message": message,
                                               "finish_reason": "tool_calls" if calls else "stop"}],
                "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}}
        out = json.dumps(body if status == 200 else {"error": {"message": "overloaded"}}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Serves the model. A proxy that lets go of a connection is no news to whoever reads the game day's output."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Shop:
    """Callers who never stop, and what became of each call."""

    def __init__(self, port):
        self.port, self.over, self.fault = port, threading.Event(), None
        self.calls = []  # (when, tenant, bad)
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(8)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        chance = random.Random(number)
        while not self.over.wait(0.08 if number < 4 else 0.02):
            looping = number >= 4
            if looping and self.fault != "runaway":
                continue
            feature = "agent" if looping else chance.choice(["checkout", "search", "support", "agent"])
            version = "43" if feature == "checkout" and self.fault == "regression" else "42"
            tenant = "tenant-loop" if looping else f"tenant-{chance.randrange(9)}"
            headers = {"x-feature": feature, "x-prompt-version": version, "x-tenant": tenant}
            body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Where is my parcel?"}]}
            try:
                got = fetch(self.port, "POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
                bad = (got.status >= 500 or RUDE.encode() in got.body or KEY.encode() in got.body
                       or b'"name": "delete_customer"' in got.body or (looping and got.status == 200))
            except Exception:  # whatever it is, a caller had it
                bad = True
            self.calls.append((time.time(), tenant, bad))

    def bad(self):
        """When callers had bad answers."""
        return [when for when, _, bad in list(self.calls) if bad]


class Day:
    """One game day."""

    def __init__(self, fault, auto, keep):
        self.fault, self.auto, self.keep = fault, auto, keep
        self.binary = hemostat()

    def command(self, folder, line):
        """What an operator would type."""
        print(f"    $ hemostat {line}", flush=True)
        done = subprocess.run([self.binary, *line.split()], cwd=folder, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise EnvoyError(f"`hemostat {line}` ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def prepare(self, folder, url):
        """Policy, overlays, keys and settings, as a team has them."""
        OPS.write(folder)
        (folder / "policy.yaml").write_text(shelf.text("drill"))
        shutil.copytree(shelf.FOLDER / "drill", folder / "overlays")
        (folder / "hemostat.yaml").write_text(yaml.safe_dump({
            "scope": SCOPE, "proxies": [url], "token": TOKEN, "key": f"{OPS.name}.key", "policy": "policy.yaml",
            "overlays": ["overlays/*.yaml"], "history": "history.jsonl"}))
        self.command(folder, "release --serial 1 --reason opening --out 1.json")
        self.command(folder, "push 1.json --wait")

    def run(self):
        """The whole day; the exit code."""
        with contextlib.ExitStack() as stack:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hemostat-drill-")))
            server = Server(("127.0.0.1", 0), Model)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            pager = stack.enter_context(Receiver())
            proxy = Proxy(server.server_address[1], shelf.policy("drill", version="inline"),
                          plugin={"allow": {"clusters": ["alerts"]}})
            proxy.add_cluster("alerts", pager.port)
            stack.enter_context(proxy)
            watch = stack.enter_context(Prometheus(folder, proxy.admin_port, ALERTS))
            print("The shop opens.", flush=True)
            self.prepare(folder, proxy.url)
            shop = stack.enter_context(Shop(proxy.port))
            time.sleep(CALM_S)
            if shop.bad() or watch.firing():
                raise EnvoyError(f"it is not calm before the fault: {len(shop.bad())} bad calls, {watch.firing()}")
            Model.fault = shop.fault = self.fault
            begun = time.time()
            print(f"""
Something broke just now. Your desk:
    folder       {folder}   (hemostat.yaml names proxies, key, policy and overlays)
    access log   {proxy.dir}/access.log
    alerts       http://127.0.0.1:{watch.port}/alerts
    overlays     {', '.join(OVERLAYS)}
    first words  cd {folder} && {self.binary} scope {proxy.dir}/access.log
                 {self.binary} activate 1.prepared/NAME.json --wait
""", flush=True)
            detected = self.wait(lambda: watch.firing(), 60, "an alert")
            firing = watch.firing()
            alert = ", ".join(firing)
            print(f"    an alert fires: {alert}, {detected - begun:.1f} s after the fault", flush=True)
            if self.auto:
                time.sleep(READS_S)
                print("    " + self.command(folder, f"scope {proxy.dir}/access.log").splitlines()[0])
                self.command(folder, f"activate 1.prepared/{FAULTS[self.fault]}.json --wait")
            serials = [1]
            mitigated = self.wait(lambda: proxy.status()["serial"] not in serials, GIVES_UP_S, "a move of yours")
            well = self.wait(lambda: time.time() - max(shop.bad()) > WELL_S, GIVES_UP_S, "callers to be well")
            last = max(shop.bad())
            serial = proxy.status()["serial"]
            print("Callers are well. The provider has mended what it broke: take the overlay back.", flush=True)
            Model.fault = shop.fault = None
            time.sleep(1)
            if self.auto:
                self.command(folder, f"rollback --expect {serial} --wait")
            back = self.wait(lambda: proxy.status()["serial"] != serial, GIVES_UP_S, "the way back")
            after = len(shop.bad())
            time.sleep(3)
            shop.__exit__()
            relapsed = len(shop.bad()) - after
            self.report(folder, proxy, pager, firing, detected)
            hurt = {tenant for _, tenant, bad in shop.calls if bad}
            tenants = f"{len(hurt)} tenant" + "s" * (len(hurt) != 1)
            print(f"""
It was: {self.fault}.
    detection    {detected - begun:6.1f} s   from the fault to the first alert ({alert})
    mitigation   {mitigated - detected:6.1f} s   from the alert to the first release of yours in force
    relief       {max(0.0, last - mitigated):6.1f} s   from there to the last bad answer that a caller had
    way back     {back - well:6.1f} s   from well to the policy before
    harm         {len(shop.bad())} of {len(shop.calls)} calls, {tenants}, {last - begun:.1f} s""", flush=True)
            if self.keep:
                shutil.copytree(folder, self.keep, dirs_exist_ok=True)
                print(f"All papers are in {self.keep}.")
            if relapsed:
                print(f"FALSE: {relapsed} bad answers after the way back", flush=True)
            return 1 if relapsed else 0

    def report(self, folder, proxy, pager, firing, detected):
        """The post-mortem, from the day's own logs."""
        shutil.copy(proxy.dir / "access.log", folder / "access.log")
        # What Alertmanager's webhook would have posted stands beside the events of `notify`.
        since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(detected)) + f".{int(detected % 1 * 1000):03}Z"
        told = [{"alerts": [{"status": "firing", "labels": {"alertname": name}, "startsAt": since} for name in firing]}]
        (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in told + pager.events))
        report = self.command(folder, "postmortem --title Game-day --history history.jsonl --access-log access.log "
                                      "--events events.jsonl --alert new.rules.yaml --html postmortem.html")
        (folder / "postmortem.md").write_text(report)
        print("\n".join(f"    | {line}" for line in report.splitlines()[:24]), flush=True)

    @staticmethod
    def wait(condition, seconds, what):
        """When the condition came true."""
        deadline = time.time() + seconds
        while not condition():
            if time.time() > deadline:
                raise EnvoyError(f"waited {seconds} s for {what}")
            time.sleep(0.1)
        return time.time()


def main():
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--auto", action="store_true", help="plays the operator too")
    parser.add_argument("--fault", choices=FAULTS, help="this one, instead of any")
    parser.add_argument("--all", action="store_true", help="all five, one after another (with --auto)")
    parser.add_argument("--keep", metavar="FOLDER", help="keep logs and post-mortem there")
    args = parser.parse_args()
    if not shutil.which("prometheus"):
        sys.exit("error: there is no prometheus: `./just setup` says how to get it")
    faults = list(FAULTS) if args.all else [args.fault or random.choice(list(FAULTS))]
    return max(Day(fault, args.auto or args.all, args.keep).run() for fault in faults)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (EnvoyError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
