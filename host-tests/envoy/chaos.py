"""Callers and upstreams that fail at random points while policies change and the proxy is killed.

From outside it is asserted that nothing leaks, that what arrives whole is whole, that nobody gets an answer of ours
that the policy did not order, that every place in flight is free afterwards, and that no VM died. `./just chaos
MINUTES` runs it for long; `test_chaos.py` is its short form.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import socket
import sys
import threading
import time

from scripted import DONE, delta

import policies
from rig.envoy import Envoy, EnvoyError

MIB = 1 << 20
SECRET = "sesame-opens-the-door"
WORDS = "the quick brown fox jumps over the lazy dog and says that it is late "
GROWTH = 160 * MIB
SLOW_S = 4
# A caller waits no longer than this for its answer. An upstream that hangs is not the proxy's fault.
PATIENCE_S = 8

UPSTREAM = ("fine", "fine", "fine", "fine", "paced", "trailers", "cut", "stall", "hang", "half_close", "early",
            "early_reset", "no_answer", "garbage", "whole")
CALLER = ("reads", "reads", "reads", "reads", "slow", "hangs_up", "hangs_up_at_once", "half_body", "slow_body",
          "half_close")


def answer(seed):
    """`(events, the text as callers may see it)` of the answer with this number."""
    rng = random.Random(seed)
    said = []
    for _ in range(rng.randrange(1, 12)):
        said.append(WORDS[:rng.randrange(len(WORDS))])
        if rng.random() < 0.5:
            said.append(SECRET)
    text, pieces, at = "".join(said), [], 0
    while at < len(text):
        size = rng.randrange(1, 14)
        pieces.append(text[at:at + size])
        at += size
    return [*(delta(piece) for piece in pieces), DONE], text.replace(SECRET, "[X]")


class Upstream:
    """A server that does what the header `x-chaos: FATE;SEED` says, in a thread of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self.port = None

    def __enter__(self):
        started = threading.Event()

        def run():
            asyncio.set_event_loop(self._loop)
            server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=2048))
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            self._loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        started.wait()
        return self

    def __exit__(self, *_):
        def end():
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_later(0.1, self._loop.stop)

        self._loop.call_soon_threadsafe(end)

    async def _connection(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
            pass
        finally:
            writer.transport.abort()

    async def _one(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        fields = dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
        fate, _, number = fields.get("x-chaos", "fine;0").partition(";")
        rng = random.Random(number)
        if fate == "early_reset":
            return False
        if not fate.startswith("early"):
            await self._body(reader, fields)
        if fate == "no_answer":
            return False
        events, _ = answer(int(number))
        if fate == "garbage":
            events.insert(rng.randrange(len(events)), b"data: {this is not json\n\n")
        body = b"".join(events)
        if fate == "whole":
            message = {"role": "assistant", "content": "".join(_texts(body))}
            whole = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            writer.write(head % len(whole))
            writer.write(whole)
            await writer.drain()
            return True
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        at, stop = 0, rng.randrange(len(body))
        while at < len(body):
            size = rng.choice((1, 7, 60, 300, 2000))
            if fate in ("cut", "stall", "hang", "half_close") and at <= stop < at + size:
                size = max(stop - at, 1)
            chunk = body[at:at + size]
            at += len(chunk)
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
            if at < stop:
                continue
            if fate == "cut":
                return False
            if fate == "half_close":
                writer.write_eof()
                await asyncio.sleep(0.2)
                return False
            if fate == "hang":
                await asyncio.sleep(60)
                return False
            if fate == "stall" and at - len(chunk) < stop:
                await asyncio.sleep(rng.random() * 1.5)
            if fate == "paced":
                await asyncio.sleep(0.01)
        writer.write(b"0\r\nx-trailer: t\r\n\r\n" if fate == "trailers" else b"0\r\n\r\n")
        await writer.drain()
        # Who answered before the body was whole has not read it.
        return not fate.startswith("early")

    @staticmethod
    async def _body(reader, fields):
        if "content-length" in fields:
            await reader.readexactly(int(fields["content-length"]))
            return
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        while (await reader.readline()).strip():
            pass


def _texts(body):
    """The pieces of text in an answer of either kind, as far as it came."""
    if body.startswith(b"{"):
        with contextlib.suppress(ValueError, KeyError, IndexError):
            yield json.loads(body)["choices"][0]["message"]["content"] or ""
        return
    for event in body.split(b"\n\n"):
        try:
            choice = json.loads(event.removeprefix(b"data: "))["choices"][0]
        except (ValueError, KeyError, IndexError):
            continue
        yield choice.get("delta", {}).get("content") or ""


def _unchunked(raw):
    """`(status, headers, body, whole)` of raw bytes of an answer."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines if ": " in line)}
    status = int(first.split()[1])
    if "content-length" in headers:
        return status, headers, rest, len(rest) >= int(headers["content-length"])
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not size.strip():
            break
        size = int(size, 16)
        if size == 0:
            return status, headers, body, True
        body, rest = body + rest[:size], rest[size + 2:]
    return status, headers, body, False


class Run:
    """One run against one Envoy."""

    def __init__(self, seconds, seed, streams, kills):
        self.rng = random.Random(seed)
        self.seconds, self.streams, self.kills = seconds, streams, kills
        self.table = collections.Counter()
        self.wrong = []
        self.killed = 0
        self.envoy = None

    def policy(self, version, places=None):
        """Policies that all hide the secret and bound the places."""
        guard = policies.guard("chaos", SECRET, {"redact": "[X]"}, ("output", "input", "tool_args"))
        fields = {"guardrails": [guard], "limits": [
            {"id": "places", "allow": {"concurrent": places or self.streams + 8}},
            {"id": "tokens", "allow": {"tokens": 10**12, "every": "1h"}, "cut_when_spent": True},
        ]}
        if version % 2:
            fields["tools"] = [{"match": "bad_*", "do": "deny"}]
        return policies.policy(f"chaos-{version}", **fields)

    async def caller(self, until):
        """Sends requests, each with a fate, until the time is over."""
        while time.monotonic() < until:
            upstream, caller = self.rng.choice(UPSTREAM), self.rng.choice(CALLER)
            number, killed = self.rng.randrange(1 << 30), self.killed
            raw, ended = b"", False
            try:
                raw, ended = await asyncio.wait_for(self.ask(upstream, caller, number), PATIENCE_S + SLOW_S)
            except (ConnectionError, asyncio.IncompleteReadError, OSError, asyncio.TimeoutError, ValueError):
                await asyncio.sleep(0.05)
            try:
                self.judge(upstream, caller, number, raw, ended, killed != self.killed or not self.envoy.alive())
            except (ValueError, IndexError):
                self.table["half a head"] += 1

    async def ask(self, upstream, caller, number):
        """One exchange: the raw bytes of its answer, and whether the caller stayed to its end."""
        rng = random.Random(number)
        content = "hello " * rng.choice((1, 1, 20, 4000))
        body = json.dumps({"model": "m", "stream": upstream != "whole",
                           "messages": [{"role": "user", "content": content}]}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.envoy.port)
        raw = b""
        try:
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                b"connection: close\r\nx-chaos: %s;%d\r\ncontent-length: %d\r\n\r\n"
                % (upstream.encode(), number, len(body))
            )
            if caller == "half_body":
                writer.write(body[:len(body) // 2])
                await asyncio.sleep(rng.random() * 0.3)
                return b"", False
            if caller == "slow_body":
                for at in range(0, len(body), len(body) // 4 + 1):
                    writer.write(body[at:at + len(body) // 4 + 1])
                    await writer.drain()
                    await asyncio.sleep(0.05)
            else:
                writer.write(body)
            await writer.drain()
            if caller == "hangs_up_at_once":
                return b"", False
            if caller == "half_close":
                writer.write_eof()
            leaves = time.monotonic() + (rng.random() * 0.3 if caller == "hangs_up" else PATIENCE_S)
            slow = time.monotonic() + SLOW_S
            while True:
                left = leaves - time.monotonic()
                if left <= 0:
                    return raw, False
                try:
                    data = await asyncio.wait_for(reader.read(64 if caller == "slow" else 65536), left)
                except asyncio.TimeoutError:
                    return raw, False
                if not data:
                    return raw, True
                raw += data
                if caller == "slow" and time.monotonic() < slow:
                    await asyncio.sleep(0.01)
        finally:
            writer.transport.abort()

    def judge(self, upstream, caller, number, raw, ended, killed):
        """Counts an exchange, and notes what must not be."""
        self.table["exchanges"] += 1
        self.table[f"upstream {upstream}"] += 1
        self.table[f"caller {caller}"] += 1
        if not raw:
            return
        status, headers, body, whole = _unchunked(raw)
        self.table[f"status {status}"] += 1
        what = f"{upstream}, {caller}, number {number}: {status} {headers} {body[-600:]!r}"
        text = "".join(_texts(body))
        if SECRET in text or SECRET.encode() in raw:
            self.wrong.append(f"leaked: {what}")
        fine = upstream in ("fine", "paced", "trailers", "stall", "whole")
        expected = answer(number)[1]
        if status == 503 and body.startswith(b"upstream connect error"):
            # The proxy's own word: a connection that it took from its pool was broken by another's upstream meanwhile.
            self.table["broken in the pool"] += 1
        elif status == 429:
            self.wrong.append(f"a place that should be free is not: {what}")
        elif fine and ended and not killed and caller in ("reads", "slow", "slow_body"):
            if status != 200 or not whole or text != expected:
                self.wrong.append(f"lost or changed: {what}, expected {expected!r}")
            self.table["whole and right"] += 1
        elif status == 200 and upstream != "garbage":
            if not expected.startswith(text) and not upstream.startswith("early"):
                self.wrong.append(f"not the beginning of what was said: {what}, expected {expected!r}")
            if b"content_filter" in body and not upstream.startswith("early"):
                self.wrong.append(f"ended by us: {what}")
        elif status == 403 and upstream not in ("early", "garbage"):
            self.wrong.append(f"refused by us: {what}")

    async def pushes(self, until):
        """New policies and old ones again, and a kill now and then."""
        version, next_kill = 0, time.monotonic() + self.seconds / (self.kills + 1)
        loop = asyncio.get_running_loop()
        while time.monotonic() < until - 1:
            await asyncio.sleep(1 + self.rng.random() * 2)
            if self.kills > self.killed and time.monotonic() > next_kill:
                self.killed += 1
                next_kill += self.seconds / (self.kills + 1)
                self.envoy.process.kill()
                self.envoy.process.wait()
                await loop.run_in_executor(None, self.envoy.start)
                self.table["kill -9"] += 1
                continue
            version = max(0, version + self.rng.choice((1, 1, -1)))
            await loop.run_in_executor(None, self.envoy.push, self.policy(version))
            self.table["pushes"] += 1

    async def all(self, seconds):
        """Everybody for so long."""
        until = time.monotonic() + seconds
        await asyncio.gather(self.pushes(until), *(self.caller(until) for _ in range(self.streams)))

    async def places(self):
        """How many calls at a time are let through now, of two more than there are places."""
        free = 6
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.envoy.push, self.policy(1000, free))
        statuses = []

        async def one():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.envoy.port)
            body = b'{"model":"m","stream":true,"messages":[]}'
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                         b"x-chaos: hang;7\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            statuses.append(int((await reader.readline()).split()[1]))
            return writer

        writers = [await one() for _ in range(free + 2)]
        for writer in writers:
            writer.transport.abort()
        return statuses == [200] * free + [429] * 2, statuses

    def run(self):
        """Runs it all; the table and what was wrong."""
        with Upstream() as upstream, Envoy(upstream.port, self.policy(0)) as self.envoy:
            asyncio.run(self.all(min(8, self.seconds / 4)))
            warm, restarts = self.envoy.resident_bytes(), self.killed
            asyncio.run(self.all(self.seconds))
            if not self.envoy.alive():
                self.wrong.append(f"Envoy died\n{self.envoy.log_tail()}")
                return
            time.sleep(1)
            right, statuses = asyncio.run(self.places())
            if not right:
                self.wrong.append(f"places are not free afterwards: {statuses}")
            grown = self.envoy.resident_bytes() - (warm if restarts == self.killed else 0)
            self.table["grown MiB" if restarts == self.killed else "resident MiB"] = grown // MIB
            if restarts == self.killed and grown > GROWTH:
                self.wrong.append(f"{grown // MIB} MiB more than after the first seconds")
            reloads = {key: value for key, value in self.envoy.stats("reload").items() if "vm_reload" in key and value}
            log = self.envoy.log()
            if reloads or "backtrace" in log or "wasm vm failed" in log.lower():
                self.wrong.append(f"a VM died: {reloads}\n{self.envoy.log_tail()}")


def main():
    """`python -m chaos [--minutes N] [--streams N] [--seed N]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    given = parser.parse_args()
    run = Run(given.minutes * 60, given.seed, given.streams, kills=max(1, int(given.minutes / 5)))
    try:
        run.run()
    except EnvoyError as error:
        # What was seen until then is told all the same.
        run.wrong.append(f"Envoy does not start again: {error}")
    print(f"seed {given.seed}, {given.streams} streams at a time, {given.minutes} minutes")
    for name, count in sorted(run.table.items()):
        print(f"  {name:24} {count}")
    for wrong in run.wrong[:20]:
        print(f"WRONG {wrong}")
    print(f"{len(run.wrong)} findings")
    sys.exit(bool(run.wrong))


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    main()
