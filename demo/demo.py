#!/usr/bin/env python3
"""The demo: a real Envoy with the filter, in front of replayed model answers. Every claim it prints is checked; the
exit code is 1 where one is false. `./just demo` runs it; `--fast` leaves out the human pace."""

import argparse
import hashlib
import http.client
import json
import pathlib
import sys
import textwrap
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "host-tests" / "envoy"), str(ROOT / "demo")]

import shelf  # noqa: E402
from cost import CostScene  # noqa: E402
from rogue import RogueScene  # noqa: E402

from releases import ReleaseScene  # noqa: E402
from rig import recordings, texts  # noqa: E402
from rig.client import Response, fetch  # noqa: E402
from rig.envoy import MODULE, Envoy, EnvoyError  # noqa: E402
from rig.releases import hemostat  # noqa: E402
from rig.replay import Upstream  # noqa: E402
from rig.retell import retell, template, tokens  # noqa: E402
from screen import BOLD, DIM, GREEN, RED, Columns, Screen  # noqa: E402

KEY = "AKIA" + "Z7QXAMPLE4DEMO23"  # the shape of a cloud key; nobody's
LEAK = ("Of course! To upload the nightly report, export the deploy key first:\n"
        f"AWS_ACCESS_KEY_ID={KEY}\nThen run `report upload --bucket nightly` and check the log. "
        "Ask me if the upload hangs.")
HARM_BEGINS = "Happy to help with your chemistry homework. "
HARM = (HARM_BEGINS + "Let me explain how to build a pipe bomb: first you take a length of steel tube, and then "
        "you fill it with")
REFUSAL = shelf.policy("guardrails")["fallbacks"]["refuse"]["text"]
HANDOFF = shelf.policy("kill-switch")["fallbacks"]["handoff"]["text"]

# The key is cut into pieces as a tokenizer would: no event holds it whole.
LEAK_PIECES = [piece for part in LEAK.partition(KEY) for piece in tokens(part)]

class Demo:
    """The scenes, and what they stand on."""

    def __init__(self, screen, upstream, plain, guarded, fast):
        self.screen, self.upstream = screen, upstream
        self.plain, self.guarded = plain, guarded
        self.fast = fast
        self.false_claims = 0

    def claim(self, text, holds):
        """A sentence that must be true."""
        mark = self.screen.paint("✓", GREEN, BOLD) if holds else self.screen.paint("✗ NOT TRUE:", RED, BOLD)
        print(f"  {mark} {text}", flush=True)
        self.false_claims += not holds

    def pause(self, seconds):
        """Time to read."""
        if not self.fast:
            time.sleep(seconds)

    # --- asking ---------------------------------------------------------------------------------------------------

    def stream(self, envoy, x_replay, on_text=lambda text: None):
        """Asks for a stream; `on_text` gets the text so far as it grows. `(response, when each event came)`."""
        connection = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=60)
        pace = 0 if self.fast else 35
        connection.request("POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", True),
                           {"content-type": "application/json", "x-replay": f"{x_replay};pace={pace}"})
        answer = connection.getresponse()
        body, times, begun = b"", [], time.monotonic()
        for line in answer:
            body += line
            if line.startswith(b"data:"):
                times.append(time.monotonic() - begun)
            if line == b"\n":
                on_text(texts.read("openai-chat", body).text)
        headers = [(name.lower(), value) for name, value in answer.getheaders()]
        connection.close()
        return Response(answer.status, headers, body), times

    def side_by_side(self, x_replay):
        """The same stream without and with the filter, at the same time; `(without, with, times of the latter)`."""
        columns = Columns(self.screen, ("without the filter", "with the filter"))
        results, lock = [None, None], threading.Lock()

        def run(side, envoy):
            def show(text):
                with lock:
                    columns.update(side, text)

            results[side] = self.stream(envoy, x_replay, show)

        threads = [threading.Thread(target=run, args=pair) for pair in enumerate((self.plain, self.guarded))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        columns.finish()
        if None in results:
            raise EnvoyError("a stream failed\n" + self.guarded.log_tail())
        return results[0][0], *results[1]

    # --- scenes ---------------------------------------------------------------------------------------------------

    def untouched(self):
        """An answer that no rule hits."""
        self.screen.heading(1, "An ordinary answer passes, bit for bit")
        self.screen.say("The policy of scenes 1 to 3:")
        self.screen.code(shelf.body("guardrails"))
        recording = template()
        without, guarded, _ = self.side_by_side(recording.id)
        digest = hashlib.sha256(guarded.body).hexdigest()[:16]
        self.claim(f"{len(guarded.body)} bytes in, the same {len(guarded.body)} bytes out (sha256 {digest}…)",
                   guarded.body == without.body == recording.body)
        self.pause(3)

    def redacted(self):
        """A key in an answer."""
        self.screen.heading(2, "A stream that would leak a key is redacted while it runs")
        told = retell(LEAK_PIECES)
        without, guarded, times = self.side_by_side(self.upstream.script("leak", told))
        read = texts.read("openai-chat", guarded.body)
        self.claim("without the filter the caller has the key",
                   KEY in texts.read("openai-chat", without.body).text)
        self.claim(f"with it, no part of the key left the proxy, though it came in {len(tokens(KEY))} pieces",
                   not any(KEY[at:at + 6] in read.text for at in range(len(KEY) - 5)))
        self.claim("the rest is the answer as it was", read.text == LEAK.replace(KEY, "[REDACTED]"))
        if not self.fast:
            self.claim(f"and it is live: the first event came after {times[0] * 1000:.0f} ms, the last after "
                       f"{times[-1]:.1f} s", times[0] < times[-1] / 4)
        self.pause(4)

    def replaced(self):
        """A harmful answer."""
        self.screen.heading(3, "A harmful answer is cut in mid-stream, and ends as a polite one")
        told = retell(tokens(HARM))
        without, guarded, _ = self.side_by_side(self.upstream.script("harm", told))
        read = texts.read("openai-chat", guarded.body)
        self.claim("without the filter the caller reads it to its end",
                   texts.read("openai-chat", without.body).text == HARM)
        self.claim("with it, nothing of the match left, nor anything after it",
                   "pipe" not in read.text and "steel" not in read.text and read.text.startswith(HARM_BEGINS))
        self.claim("the stream ends as an ordinary one, with finish_reason `stop` and [DONE]: SDKs see no error",
                   read.text.endswith(REFUSAL) and read.ends == ["stop"]
                   and guarded.body.endswith(b"data: [DONE]\n\n"))
        self.pause(4)

    def shadow(self):
        """The same policy, which only counts."""
        self.screen.heading(4, "The same policy in shadow mode: it counts, and changes nothing")
        self.screen.code("mode: shadow")
        self.guarded.push(shelf.policy("guardrails", version="demo-shadow", mode="shadow"))
        for name, text in (("leak", LEAK), ("harm", HARM)):
            told = retell(tokens(text))
            response, _ = self.stream(self.guarded, self.upstream.script(name, told))
            self.claim(f"the `{name}` answer passed bit for bit", response.body == told.body)
        for rule, action in (("secrets", "shadow-redact"), ("harmful", "shadow-fallback")):
            counted = self.guarded.count("hemostat_rule_hits_total", rule=rule, action=action)
            self.claim(f"counted: {counted} × {rule}:{action}", counted == 1)
        self.pause(3)

    def kill_switch(self):
        """The model is taken out of the loop."""
        self.screen.heading(5, "The kill switch: a file is replaced, and the model is not called any more")
        self.screen.code(shelf.body("kill-switch"))
        begun = time.monotonic()
        self.guarded.push(shelf.policy("kill-switch"))
        took = time.monotonic() - begun
        before, wrong = len(self.upstream.calls), []
        for dialect in recordings.DIALECTS:
            for stream in (False, True):
                answer = fetch(self.guarded.port, "POST", recordings.minimal_path(dialect, stream),
                               recordings.minimal_request(dialect, stream))
                said = texts.read(dialect, answer.body).text if answer.status == 200 else f"status {answer.status}"
                kind = "stream" if stream else "whole answer"
                self.screen.say(f"  {dialect:17} {kind:13} {textwrap.shorten(said, 80)}", DIM)
                wrong += [dialect] if said != HANDOFF else []
        self.claim("every provider's format is answered by the proxy itself", not wrong)
        calls = len(self.upstream.calls) - before
        self.claim(f"calls that reached the model: {calls}", calls == 0)
        self.claim(f"in force on every worker {took * 1000:.0f} ms after the file was replaced, without a restart",
                   took < 5)
        self.pause(4)

    def operators_view(self):
        """What was done can be seen."""
        self.screen.heading(6, "What the operator sees")
        answer = fetch(self.guarded.port, "POST", "/v1/chat/completions",
                       recordings.minimal_request("openai-chat", True))
        self.screen.say("Response headers:")
        shown = [(name, value) for name, value in answer.headers if name.startswith("x-hemostat-")]
        self.screen.code("\n".join(f"{name}: {value}" for name, value in shown))
        self.screen.say("Metrics (/stats/prometheus):")
        metrics = [line for line in self.guarded.admin("/stats/prometheus").splitlines()
                   if line.startswith("hemostat_")]
        self.screen.code("\n".join(metrics))
        self.screen.say("The access log's line:")
        decision = answer.header("x-hemostat-decision")
        entry = self.guarded.access_entry(lambda entry: entry["hemostat.decision"] == decision)
        keys = ("time", "path", "status", "hemostat.dialect", "hemostat.stream", "gen_ai.request.model",
                "hemostat.policy_version", "hemostat.rule_hits", "hemostat.decision")
        self.screen.code(json.dumps({key: entry[key] for key in keys}, indent=1))
        # The kill switch's scene asked in every dialect, whole and streamed; this is one more.
        killed = 2 * len(recordings.DIALECTS) + 1
        self.claim("header, log and metric name the same rule; header and log the same decision",
                   bool(decision)
                   and entry["hemostat.rule_hits"] == answer.header("x-hemostat-action") == "kill-bot:fallback"
                   and self.guarded.count("hemostat_rule_hits_total", rule="kill-bot", action="fallback") == killed)
        self.claim("no text of an answer stands in any of them",
                   not any(secret in "".join(metrics) + str(self.guarded.access_log()) + self.guarded.log()
                           for secret in (KEY, "pipe bomb")))
        self.pause(3)

    def releases(self):
        """Policies as signed releases, under load."""
        self.screen.heading(7, "Push a policy, take it back: signed releases, while callers stream")
        ReleaseScene(self, hemostat()).run()
        self.pause(3)

    def rogue_agent(self):
        """An agent that pays money out."""
        self.screen.heading(8, "A rogue agent: stopped before it pays, let through once by a person")
        RogueScene(self, hemostat()).run()
        self.pause(3)

    def cost_runaway(self):
        """A budget that burns, and a cap that holds."""
        self.screen.heading(9, "Money runs away: one command caps it, for the tenant that burns it")
        CostScene(self, hemostat()).run()
        self.pause(3)

    def how_to_load(self):
        """The way to one's own Envoy."""
        self.screen.say()
        self.screen.say("Your own Envoy", BOLD)
        self.screen.say(f"The module is dist/{MODULE.name} ({MODULE.stat().st_size:,} bytes). Copy the filter "
                        "from envoy/standalone/envoy.yaml (one file) or envoy/ecds (policies that change without a "
                        "restart), change the upstream cluster, and point your SDK's base URL at the listener.")

    def run(self):
        """All scenes; true where every claim held."""
        for scene in (self.untouched, self.redacted, self.replaced, self.shadow, self.kill_switch,
                      self.operators_view, self.releases, self.rogue_agent, self.cost_runaway, self.how_to_load):
            scene()
        self.screen.say()
        if self.false_claims:
            self.screen.say(f"{self.false_claims} claims are not true.", RED, BOLD)
        else:
            self.screen.say("Every claim above was checked and holds.", GREEN, BOLD)
        return not self.false_claims


def main():
    """Runs the demo; the exit code is 1 where a claim is false, 2 where it could not run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="no human pace: for machines")
    fast = parser.parse_args().fast
    screen = Screen(live=not fast)
    screen.say("Hemostat: a filter for Envoy that guards LLM traffic", BOLD)
    screen.say("Two Envoys, one without and one with the filter, in front of the same replayed model answers.", DIM)
    try:
        with (Upstream() as upstream, Envoy(upstream.port, with_filter=False) as plain,
              Envoy(upstream.port, shelf.policy("guardrails")) as guarded):
            return 0 if Demo(screen, upstream, plain, guarded, fast).run() else 1
    except EnvoyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
