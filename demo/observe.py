#!/usr/bin/env python3
"""`./just observe`: Envoy with the filter, Prometheus and Arize Phoenix on this machine, in front of replayed answers.
Prints where each is; Ctrl-C ends all. `--quiet` sends no traffic of its own."""

import argparse
import contextlib
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "host-tests" / "envoy"), str(ROOT / "demo")]

import shelf  # noqa: E402

from rig import recordings  # noqa: E402
from rig.backends import Phoenix, Prometheus  # noqa: E402
from rig.client import fetch  # noqa: E402
from rig.envoy import SAMPLES, EnvoyError  # noqa: E402
from rig.releases import SCOPE, TOKEN, Proxy  # noqa: E402
from rig.replay import Upstream  # noqa: E402

PAUSE_S = 0.5


def say(text):
    print(text, flush=True)


def trickle(port, over):
    """Recorded requests, one after another, as three features under two prompts."""
    chance = random.Random(1)
    known = [one for one in recordings.all_recordings() if one.status == 200]
    while not over.wait(PAUSE_S):
        one = chance.choice(known)
        headers = {"x-replay": one.id, "x-feature": chance.choice(["checkout", "search", "support"]),
                   "x-prompt-version": chance.choice(["42", "43"]), "x-tenant": f"tenant-{chance.randrange(9)}"}
        with contextlib.suppress(Exception):  # a recording of an upstream that breaks off
            fetch(port, one.method, one.path, one.request_body, headers)


def main():
    """All of it, until somebody ends it. The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quiet", action="store_true", help="send no traffic")
    parser.add_argument("--seconds", type=float, help="end by itself after so long")
    args = parser.parse_args()
    command = os.environ.get("HEMOSTAT_PHOENIX") or str(ROOT / ".tools" / "phoenix" / "bin" / "phoenix")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hemostat-observe-")))
        (folder / "phoenix").mkdir()
        say("==> starting Phoenix (half a minute)")
        phoenix = stack.enter_context(Phoenix(command, folder / "phoenix"))
        upstream = stack.enter_context(Upstream())
        say("==> starting Envoy and Prometheus")
        proxy = Proxy(upstream.port, shelf.policy("observe"),
                      plugin={"allow": {"capture": True, "clusters": ["traces"]}})
        proxy.add_cluster("traces", phoenix.port)
        stack.enter_context(proxy)
        prometheus = stack.enter_context(
            Prometheus(folder, proxy.admin_port, str(SAMPLES / "observe" / "alerts.yaml"), every="5s"))
        over = threading.Event()
        if not args.quiet:
            threading.Thread(target=trickle, args=(proxy.port, over), daemon=True).start()
        stack.callback(over.set)
        body = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]})
        say(f"""
  traffic     http://127.0.0.1:{proxy.port}/v1/chat/completions   any dialect; answers are recordings
  status      {proxy.url}/.hemostat/   token: {TOKEN}
  counters    http://127.0.0.1:{proxy.admin_port}/stats/prometheus
  Prometheus  http://127.0.0.1:{prometheus.port}/alerts   and /graph?g0.expr=rate(hemostat_requests_total[1m])&g0.tab=0
  Phoenix     http://127.0.0.1:{phoenix.port}   project `hemostat`; a filter to try:
              attributes['hemostat']['label']['prompt_version'] == '43'
  access log  {proxy.dir}/access.log   `hemostat scope` reads it; scope of releases: {SCOPE}

  curl http://127.0.0.1:{proxy.port}/v1/chat/completions -H 'x-feature: checkout' -d '{body}'

Ctrl-C ends all.""")
        with contextlib.suppress(KeyboardInterrupt):
            ends = time.monotonic() + (args.seconds or float("inf"))
            while proxy.alive() and time.monotonic() < ends:
                time.sleep(0.2)
        say("\n==> ending")
        return 0 if proxy.alive() else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (EnvoyError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
