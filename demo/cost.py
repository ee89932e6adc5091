"""The scene of money that runs away: an agent in a loop, the on-call's cost cap, and everybody else who goes on."""

import json
import pathlib
import tempfile
import threading
import time

import shelf
import yaml

from releases import Command
from rig import texts
from rig.client import fetch
from rig.envoy import ROOT
from rig.releases import SCOPE, Proxy
from rig.replay import Answer

WORKERS = 4
# The overlay lets ten requests of a tenant be in flight at once.
LOOPING = 14
OTHERS = 2
OVERLAY = ROOT / "policies" / "overlays" / "sev2-cost-cap.yaml"
# The overlay says 20 USD an hour; so that the scene is short, a tenth.
CAP_USD = 2
FOLLOWS_WITHIN_S = 1
TASK = "Look at the order again, and try once more until the total is right. " * 500
ANSWERS = {"agent": "The total is still wrong. I will try once more.", "shop": "Your order arrives on Monday."}
# What the provider bills for one answer: input tokens, output tokens.
USED = {"agent": (8_000, 1_500), "shop": (20, 10)}


def answer(tenant):
    """What the model says to a tenant, with the provider's word for what it took."""
    read, made = USED[tenant]
    message = {"role": "assistant", "content": ANSWERS[tenant], "refusal": None}
    return Answer(json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made},
    }).encode())


class Callers:
    """The looping agent and two shoppers, who never stop asking. Use as a context manager."""

    def __init__(self, proxy, upstream, price):
        self.proxy, self.upstream, self.price = proxy, upstream, price
        self.got = []  # (when, tenant, status, text, retry-after)
        self.failures = []
        self._scripts = {tenant: upstream.script(f"cost-{tenant}", answer(tenant)) for tenant in ANSWERS}
        self._first = len(upstream.calls)
        self._over = threading.Event()
        tenants = ["agent"] * LOOPING + ["shop"] * OTHERS
        self._threads = [threading.Thread(target=self._ask, args=(tenant,), daemon=True) for tenant in tenants]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, tenant):
        text = TASK if tenant == "agent" else "When does my order arrive?"
        body = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": text}]}).encode()
        headers = {"x-tenant": tenant, "x-replay": self._scripts[tenant]}
        while not self._over.wait(0.01 if tenant == "agent" else 0.1):
            try:
                got = fetch(self.proxy.port, "POST", "/v1/chat/completions", body, headers)
            except Exception as error:  # whatever it is, a caller had it
                self.failures.append(repr(error))
                continue
            said = texts.read("openai-chat", got.body).text if got.status == 200 else ""
            self.got.append((time.monotonic(), tenant, got.status, said, got.header("retry-after")))

    def calls(self, tenant):
        """How many requests of a tenant have reached the model."""
        return sum(call.header("x-tenant") == tenant for call in self.upstream.calls[self._first:])

    def spent(self, tenant):
        """What the provider bills a tenant so far, in dollars."""
        read, made = USED[tenant]
        return self.calls(tenant) * (read * self.price["input"] + made * self.price["output"]) / 1e6

    def since(self, when, tenant):
        """What a tenant got since a time."""
        return [one[2:] for one in list(self.got) if one[0] > when and one[1] == tenant]


class CostScene:
    """The steps; `demo` has the claims, the screen and the pace."""

    def __init__(self, demo, binary):
        self.demo, self.screen, self.binary = demo, demo.screen, binary

    def run(self):
        """All steps, in a folder that is gone afterwards."""
        overlay = OVERLAY.read_text()
        assert "{usd: 20, every: 1h}" in overlay
        overlay = overlay.replace("{usd: 20, every: 1h}", f"{{usd: {CAP_USD}, every: 1h}}")
        price = yaml.safe_load(overlay)["prices"]["gpt-*"]
        with tempfile.TemporaryDirectory(prefix="hemostat-demo-") as folder:
            command, keys = Command(self.binary, folder, self.screen), {}
            (pathlib.Path(folder) / "shop.yaml").write_text(shelf.text("shop-cost"))
            (pathlib.Path(folder) / OVERLAY.name).write_text(overlay)
            self.screen.say("The overlay that on-call may put in force was reviewed long ago "
                            f"(policies/overlays/{OVERLAY.name}; here with {CAP_USD} USD):")
            self.screen.code(overlay[overlay.index("limits:"):])
            for line in ("keygen ops", "keygen oncall --may rollback,approve"):
                keys |= yaml.safe_load(command(line).out)["trust"]["keys"]
            plugin = {"trust": {"keys": keys, "threshold": 1}}
            baseline = {"hemostat": 1, "version": "baseline"}
            with Proxy(self.demo.upstream.port, baseline, workers=WORKERS, plugin=plugin) as proxy:
                command.aim(proxy)
                command(f"release shop.yaml --scope {SCOPE} --key ops.key --prepare {OVERLAY.name} --out current.json")
                command("push current.json --wait")
                with Callers(proxy, self.demo.upstream, price) as callers:
                    self._runaway(command, callers)
                    self._stopped(command, callers, proxy)

    def _runaway(self, command, callers):
        self.screen.say(f"An agent of one tenant loops with {LOOPING} requests at once; {OTHERS} shoppers of another "
                        "tenant ask now and then.")
        before = callers.spent("agent")
        time.sleep(2)
        burnt = callers.spent("agent") - before
        self.demo.claim(f"the loop burns {burnt:.2f} USD in two seconds: {burnt * 1800:,.0f} USD an hour",
                        burnt > CAP_USD)
        self.demo.pause(3)
        self.screen.say("On-call is paged. One command, with a key that may not author:")
        command(f"activate current.prepared/{OVERLAY.stem}.json --key oncall.key --reason INC-4711 --wait")

    def _stopped(self, command, callers, proxy):
        time.sleep(FOLLOWS_WITHIN_S)  # all workers have followed
        begun, spent = time.monotonic(), callers.spent("agent")
        time.sleep(3)
        more, calls = callers.spent("agent") - spent, callers.calls("agent")
        got = callers.since(begun, "agent")
        self.demo.claim(f"of the cap of {CAP_USD:.2f} USD, {more:.2f} were spent since every worker follows",
                        more <= CAP_USD)
        began = time.monotonic()
        time.sleep(2)
        self.demo.claim(f"the money stops: {callers.calls('agent') - calls} calls of the agent reached the model "
                        f"in the last two seconds, of {len(callers.since(began, 'agent'))}",
                        callers.calls("agent") == calls)
        late = callers.since(began, "agent")
        for status, said, retry in sorted(set(got))[:3]:
            self.screen.say(f"  the agent reads: {status} {said or f'retry-after: {retry}'}")
        rests = sum(status == 200 for status, _, _ in late)
        told = [retry for status, _, retry in late if status == 429]
        self.demo.claim(f"it gets a polite answer ({rests}), or 429 with retry-after where too many are in "
                        f"flight ({len(told)})",
                        rests + len(told) == len(late) > 0 and all(told)
                        and all(said != ANSWERS["agent"] for _, said, _ in late))
        others = callers.since(0, "shop")
        self.demo.claim(f"the shoppers noticed nothing: {len(others)} answers, all the model's own",
                        len(others) > 0 and all(one[:2] == (200, ANSWERS["shop"]) for one in others)
                        and not callers.failures)
        warned = [
            proxy.count("hemostat_limit_warnings_total", rule="cost-cap-tenant", percent=str(at)) for at in (50, 80)
        ]
        self.demo.claim(f"operators were warned at 50 and at 80 % of the cap ({warned[0]} and {warned[1]} times)",
                        all(warned))
        line = command("status --line").out
        self.demo.claim("the status says which policy is in force", "sev2-cost-cap" in line)
