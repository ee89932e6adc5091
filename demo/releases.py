"""The scene of signed releases: what the operator types, and the callers who stream all the while."""

import os
import pathlib
import subprocess
import tempfile
import threading
import time
import typing

import shelf
import yaml

from rig import recordings, texts
from rig.client import fetch
from rig.envoy import EnvoyError
from rig.releases import SCOPE, TOKEN, Proxy
from rig.retell import retell, tokens

WORKERS = 4
STREAMING_CALLERS = 6
# Each request is on a connection of its own, so that every worker is met often.
WHOLE_CALLERS = 2
PROMISED_S = 1
STAGGER_S = 0.07  # so that there are always streams in their middle
MET_WITHIN_S = 10

ORDER = "4711-2026"
ANSWER = (f"Good news: your order {ORDER} has left our house this morning and will arrive on Monday, between ten and "
          f"noon. Keep the number {ORDER} at hand, and ask me if anything is amiss.")
MASK = "[ACCOUNT]"
FIRST = shelf.text("shop-1")
# Meant well, and too broad: it takes orders for accounts.
SECOND = shelf.text("shop-2")
# What callers read under each policy, whole.
READS = {"shop-1": ANSWER, "shop-2": ANSWER.replace(ORDER, MASK)}


class Done(typing.NamedTuple):
    """A command that went well: what it wrote, and when it ran."""

    out: str
    err: str
    began: float
    ended: float


class Asked(typing.NamedTuple):
    """One answer that a caller had."""

    began: float
    ended: float
    stream: bool
    version: str
    read: str


class Command:
    """`hemostat`, in a folder of its own, aimed at one control listener once there is one."""

    def __init__(self, binary, folder, screen):
        self.binary, self.folder, self.screen = binary, folder, screen
        self.env = os.environ | {"HEMOSTAT_TOKEN": TOKEN, "HEMOSTAT_ISSUER": "demo"}

    def aim(self, proxy):
        """From now on, at this proxy."""
        self.env["HEMOSTAT_PROXIES"] = proxy.url

    def __call__(self, line):
        """Runs what an operator would type, and shows both sides."""
        self.screen.code(f"$ hemostat {line}")
        began = time.monotonic()
        done = subprocess.run([self.binary, *line.split()], cwd=self.folder, env=self.env, capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)
        ended = time.monotonic()
        if done.returncode:
            raise EnvoyError(f"`hemostat {line}` ended with {done.returncode}\n{done.stdout}{done.stderr}")
        # A grant is a line of some hundred characters, which nobody reads.
        lines = (done.stderr + done.stdout).splitlines()
        self.screen.code("\n".join(line if " " in line or len(line) < 200 else line[:80] + "…" for line in lines))
        return Done(done.stdout, done.stderr, began, ended)


class Traffic:
    """Callers who never stop asking. Use as a context manager."""

    def __init__(self, proxy, script, pace):
        self.proxy, self.script, self.pace = proxy, script, pace
        self.answers = []  # each Asked, in the order of their ends
        self.failures = []
        callers = range(STREAMING_CALLERS + WHOLE_CALLERS)
        self._asked_at = [0.0 for _ in callers]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(caller,), daemon=True) for caller in callers]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, caller):
        stream = caller < STREAMING_CALLERS
        body = recordings.minimal_request("openai-chat", stream)
        headers = {"x-replay": f"{self.script};pace={self.pace}"} if stream else {}
        self._over.wait(caller * STAGGER_S)
        while not self._over.wait(0 if stream else 0.01):
            began = self._asked_at[caller] = time.monotonic()
            try:
                answer = fetch(self.proxy.port, "POST", "/v1/chat/completions", body, headers)
            except Exception as error:  # whatever it is, a caller had it
                self.failures.append(repr(error))
                self._over.wait(0.1)
                continue
            version = answer.header("x-hemostat-policy")
            read = texts.read("openai-chat", answer.body).text if answer.status == 200 else None
            if stream and (read != READS.get(version) or not answer.body.endswith(b"data: [DONE]\n\n")):
                self.failures.append(f"a stream under {version}: status {answer.status}, {read!r}")
            elif answer.status != 200:
                self.failures.append(f"status {answer.status} under {version}")
            self.answers.append(Asked(began, time.monotonic(), stream, version, read))

    def stale(self, version, since):
        """When those requests began that met another policy than this, of all that began since a time."""
        return [one.began for one in list(self.answers) if one.began >= since and one.version != version]

    def in_flight(self, began, ended):
        """How many streams began before a time and ended after another."""
        return sum(one.stream and one.began < began and one.ended > ended for one in list(self.answers))

    def one_read(self, version):
        """What a caller reads whose stream begins from now on; None where none meets this policy."""
        since = time.monotonic()
        while time.monotonic() < since + MET_WITHIN_S:
            for one in list(self.answers):
                if one.stream and one.began >= since and one.version == version:
                    return one.read
            time.sleep(0.02)
        return None

    def meet_every_worker(self):
        """Waits until each worker has taken connections that began from now on, and each caller has had its answer to
        what it had asked by then. How many workers there are."""
        before = self._taken()
        self._until(lambda: all(now > then for now, then in zip(self._taken(), before, strict=True)),
                    "a worker takes no connections")
        since = time.monotonic()
        self._until(lambda: min(self._asked_at) > since, "a caller gets no answer")
        return len(before)

    def _until(self, condition, otherwise):
        deadline = time.monotonic() + MET_WITHIN_S
        while not condition():
            if time.monotonic() > deadline:
                raise EnvoyError(f"{otherwise}\n{self.proxy.log_tail()}")
            time.sleep(0.05)

    def _taken(self):
        """Connections that each worker has taken."""
        found = self.proxy.stats("downstream_cx_total")
        return [found[name] for name in sorted(found) if ".worker_" in name]


class ReleaseScene:
    """The steps; `demo` has the claims, the screen and the pace."""

    def __init__(self, demo, binary):
        self.demo, self.screen, self.binary = demo, demo.screen, binary

    def run(self):
        """All steps, in a folder that is gone afterwards."""
        self.screen.say("Two keys: one that may do all, one for on-call that may roll back and never author. A third "
                        f"Envoy trusts them; it has {WORKERS} workers, and a listener for operators.")
        with tempfile.TemporaryDirectory(prefix="hemostat-demo-") as folder:
            command = Command(self.binary, folder, self.screen)
            keys = {}
            for line in ("keygen ops", "keygen oncall --may rollback,approve"):
                keys |= yaml.safe_load(command(line).out)["trust"]["keys"]
            for name, text in (("shop-1.yaml", FIRST), ("shop-2.yaml", SECOND)):
                (pathlib.Path(folder) / name).write_text(text)
            plugin = {"trust": {"keys": keys, "threshold": 1}}
            baseline = {"hemostat": 1, "version": "baseline"}
            with Proxy(self.demo.upstream.port, baseline, workers=WORKERS, plugin=plugin) as proxy:
                command.aim(proxy)
                self._first(command)
                script = self.demo.upstream.script("order", retell(tokens(ANSWER)))
                with Traffic(proxy, script, pace=10 if self.demo.fast else 25) as traffic:
                    self._second(command, traffic)
                    self._back(command, traffic)
                self._reckon(command, traffic)

    def _first(self, command):
        self.screen.say("Release 1, which only keeps secrets in:")
        command(f"release shop-1.yaml --scope {SCOPE} --key ops.key --out current.json")
        command("push current.json --wait")

    def _second(self, command, traffic):
        self.screen.say(f"From here on {STREAMING_CALLERS} callers stream and {WHOLE_CALLERS} ask for whole answers, "
                        "without a pause. One of them reads:")
        self._show(traffic, "shop-1")
        self.screen.say("Release 2 adds a rule, and the rule is too broad:")
        self.screen.code(SECOND.removeprefix(FIRST.replace("shop-1", "shop-2")))
        command(f"release shop-2.yaml --scope {SCOPE} --key ops.key --out current.json")
        self._change(command, traffic, "push current.json --wait", "shop-2")
        self._show(traffic, "shop-2")

    def _back(self, command, traffic):
        self.screen.say("The order numbers are gone from the answers. One command, with the on-call key:")
        done = self._change(command, traffic, "rollback --key oncall.key --wait", "shop-1")
        self.demo.claim("it said which policy it put back", "version shop-1 " in done.err)
        self._show(traffic, "shop-1")

    def _reckon(self, command, traffic):
        line = command("status --line").out
        self.demo.claim("the status is one line, for the incident channel",
                        line.startswith("policy shop-1 (serial 3") and line.count("\n") == 1)
        streams = sum(answer.stream for answer in traffic.answers)
        for failure in traffic.failures[:3]:
            self.screen.say(f"  {failure}")
        self.demo.claim(f"of {len(traffic.answers)} requests, {streams} of them streams, failed: "
                        f"{len(traffic.failures)}", not traffic.failures and streams > 0)

    def _show(self, traffic, version):
        read = traffic.one_read(version)
        self.screen.say(f"  [x-hemostat-policy: {version}] {read}")
        self.demo.claim(f"answers carry version {version}, and read as it wants", read == READS[version])
        self.demo.pause(3)

    def _change(self, command, traffic, line, version):
        """Runs a command that changes the policy, and says when every worker had followed."""
        done = command(line)
        workers = traffic.meet_every_worker()
        late = traffic.stale(version, done.ended)
        took = max([done.ended, *late]) - done.began
        self.demo.claim(f"in force on all {workers} workers {took * 1000:.0f} ms after the command began (promised: "
                        f"{PROMISED_S * 1000} ms); requests since it ended that met another policy: {len(late)}",
                        not late and workers == WORKERS and took < PROMISED_S)
        flying = traffic.in_flight(done.began, done.ended)
        self.demo.claim(f"{flying} streams were in flight; each ended under the policy that it began with",
                        flying > 0 and not traffic.failures)
        return done
