"""What a control listener costs the traffic beside it: `python host-tests/envoy/bench_control.py [--rounds 36]`.

Question: does a guarded call cost an Envoy more because the same process has a control listener, and because somebody
watches its status? Three Envoys of one worker, all running at the same time and asked in turns: one without a control
listener, one with it, and one whose status is asked all the while, ten times as often as by `hemostat status --watch`.
CPU of the whole process (`bench_e2e.cpu_ns`) a request, the median of the rounds. What a status answer costs by itself
is measured in rounds of its own, and so is what a process does while nobody asks it anything (timers of every filter of
every worker); both are taken off where they stood beside traffic. Expected: nothing beyond the noise.
"""

import argparse
import contextlib
import os
import random
import statistics
import threading
import time

from bench_e2e import Caller, chat_answer, chat_request, cpu_ns

import policies
from rig.client import fetch
from rig.releases import Proxy
from rig.replay import Answer, Upstream

CHAT = "/v1/chat/completions"
REQUESTS = 150
EVERY_S = 0.2
IDLE_S = 5


class Watcher(threading.Thread):
    """Asks for status as long as it is wanted, and counts."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.asked = port, 0
        self.wanted, self.ended = threading.Event(), threading.Event()

    def run(self):
        while not self.ended.is_set():
            self.wanted.wait()
            fetch(self.port, "GET", "/.hemostat/status")
            self.asked += 1
            self.ended.wait(EVERY_S)


def proxies(upstream, stack):
    """`{way: proxy}`, all under the same policy."""
    guards = [policies.guard("g", ["pack:secrets", "pack:pii"], {"redact": policies.REDACTED}, ("output", "input"))]
    policy = policies.policy("guards", guardrails=guards)
    found = {}
    for way in ("no control listener", "control listener", "control listener, watched"):
        proxy = Proxy(upstream.port, policy, workers=1)
        if way == "no control listener":
            listeners = proxy.config["static_resources"]["listeners"]
            proxy.config["static_resources"]["listeners"] = [one for one in listeners if one["name"] == "llm"]
        found[way] = stack.enter_context(proxy)
    return found


def measure(rounds):
    """`{way: µs of CPU a request}`, `{way: µs of CPU a second of idleness}`, and µs of CPU a status answer."""
    with Upstream() as upstream, contextlib.ExitStack() as stack:
        rng = random.Random(7)
        replay = f"{upstream.script('answer', Answer(chat_answer(rng, 2_000)))};chunks=whole;length"
        body = chat_request(rng, 2_000)
        running = proxies(upstream, stack)
        callers = {way: Caller(proxy.port) for way, proxy in running.items()}
        watched = running["control listener, watched"]
        watcher = Watcher(watched.control_port)
        watcher.start()
        idle, began, at = {}, {way: cpu_ns(proxy.process.pid) for way, proxy in running.items()}, time.monotonic()
        time.sleep(IDLE_S)
        for way, proxy in running.items():
            idle[way] = (cpu_ns(proxy.process.pid) - began[way]) / 1000 / (time.monotonic() - at)
        seen, answers = {way: [] for way in running}, []
        for number in range(rounds + 1):
            before = cpu_ns(watched.process.pid)
            for _ in range(20):
                fetch(watched.control_port, "GET", "/.hemostat/status")
            answers.append((cpu_ns(watched.process.pid) - before) / 20 / 1000)
            # Each is the first one as often as the others.
            turn = number % len(running)
            for way, proxy in [*running.items()][turn:] + [*running.items()][:turn]:
                asked = watcher.asked
                if proxy is watched:
                    watcher.wanted.set()
                before, at = cpu_ns(proxy.process.pid), time.monotonic()
                for _ in range(REQUESTS):
                    callers[way].ask(CHAT, body, replay)
                spent = (cpu_ns(proxy.process.pid) - before) / 1000 - idle[way] * (time.monotonic() - at)
                watcher.wanted.clear()
                if proxy is watched:
                    spent -= (watcher.asked - asked) * answers[-1]
                if number:  # the first round warms up
                    seen[way].append(spent / REQUESTS)
            upstream.calls.clear()
        watcher.ended.set()
        watcher.wanted.set()
        return {way: statistics.median(values) for way, values in seen.items()}, idle, statistics.median(answers)


def main():
    """Measures and prints."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rounds", type=int, default=36)
    found, idle, status = measure(asked.parse_args().rounds)
    base = next(iter(found.values()))
    for way, value in found.items():
        print(f"{way}: {value:.0f} µs of CPU a request, {value / base:.3f}; {idle[way]:.0f} µs a second when idle")
    print(f"a status answer: {status:.0f} µs of CPU; load {os.getloadavg()[0]:.0f}")


if __name__ == "__main__":
    main()
