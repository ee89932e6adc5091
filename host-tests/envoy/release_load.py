"""Steady traffic, streams in flight, and releases between them."""

import concurrent.futures
import json
import threading
import time

import policies
from rig import recordings
from rig.client import fetch
from rig.releases import EVE, ONCALL, WORKERS, digest, release, serial_after, version
from rig.replay import Answer


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Load:
    """Steady traffic, streams in flight, and releases between them."""

    def __init__(self, proxy, upstream, seconds, releases):
        self.proxy, self.seconds, self.releases = proxy, seconds, releases
        events = [_delta(text) for text in ("The ", "secret ", "word ", *["and more "] * 60, "a secret", " word.")]
        self.script = upstream.script(
            "release-stream", Answer(b"".join(events) + b"data: [DONE]\n\n", content_type="text/event-stream")
        )
        self.requests, self.delays, self.failures, self.memory, self.streams = [], [], [], [], 0
        self.over = threading.Event()

    def go(self):
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            traffic = [pool.submit(self._requests) for _ in range(2)] + [pool.submit(self._streams) for _ in range(4)]
            try:
                self._push()
            finally:
                self.over.set()
            for one in traffic:
                one.result()

    def _push(self):
        began = time.monotonic()
        if not self.releases:
            time.sleep(self.seconds)
        serial, last = serial_after(self.proxy), None
        for turn in range(self.releases):
            wait = began + self.seconds * turn / self.releases - time.monotonic()
            time.sleep(max(0, wait))
            label = f"v{turn}"
            policy = policies.policy(label, guardrails=[policies.guard("r", "secret word", {"redact": f"[{label}]"})])
            if turn % 10 == 7:
                status, _ = self.proxy.post(release(serial, policy, EVE))
                if status != 403:
                    self.failures.append(f"a stranger's release: {status}")
                continue
            if turn % 10 == 9 and last:
                status, said = self.proxy.post(release(serial, None, ONCALL, policy_digest=digest(last[1])))
                label = last[1]["version"]
                last = (last[1], last[0])
            else:
                status, said = self.proxy.post(release(serial, policy))
                last = (policy, last[0] if last else policy)
            if status != 200:
                self.failures.append(f"release {serial}: {said}")
                continue
            serial += 1
            self.delays.append(self._followed(label))
            if turn in (20, self.releases - 1):
                self.memory.append(self.proxy.resident_bytes())

    def _followed(self, label):
        """Time until requests on connections of their own, as many as make it likely that each worker is met, all meet
        the new policy."""
        began, last_old = time.monotonic(), time.monotonic()
        for _ in range(4 * WORKERS):
            while version(self.proxy) != label:
                last_old = time.monotonic()
                if last_old - began > 5:
                    self.failures.append(f"{label} did not arrive")
                    return last_old - began
        return last_old - began

    def _requests(self):
        body = recordings.minimal_request("openai-chat", False)
        while not self.over.is_set():
            began = time.monotonic()
            try:
                answer = fetch(self.proxy.port, "POST", "/v1/chat/completions", body)
                if answer.status != 200:
                    self.failures.append(f"status {answer.status}")
            except OSError as error:
                self.failures.append(repr(error))
            self.requests.append(time.monotonic() - began)
            time.sleep(0.02)

    def _streams(self):
        body = recordings.minimal_request("openai-chat", True)
        while not self.over.is_set():
            answer = fetch(
                self.proxy.port, "POST", "/v1/chat/completions", body, {"x-replay": f"{self.script};pace=20"}
            )
            under = answer.header("x-hemostat-policy")
            wanted = f"[{under}]".encode()
            rules = under.startswith("v")
            if rules and answer.body.count(wanted) != 2 or b"secret word" in _text(answer.body) and rules:
                self.failures.append(f"a stream under {under}: {answer.body[:400]!r}")
            if not answer.body.endswith(b"data: [DONE]\n\n"):
                self.failures.append("a stream broke off")
            self.streams += 1


def _delta(text):
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _text(body):
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks).encode()
