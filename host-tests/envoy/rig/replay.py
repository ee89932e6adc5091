"""An upstream that replays recorded provider exchanges, and misbehaves on demand. HTTP/1.1, standard library only.

What it answers is chosen by the request header `x-replay`: a recording (`openai-chat/NAME`) or a scripted answer
(`script/NAME`, see `Upstream.script`), then options after semicolons:

    chunks=1|7|event|whole|random:SEED   how the body is cut (default: event)
    pace=MS                              wait between two chunks
    status=N                             another status
    gzip                                 the body compressed, whatever the request accepts
    length                               content-length instead of chunked framing
    cut=N                                the connection breaks after N bytes of the body
    hang=headers|N                       nothing more is sent: before the headers, or after N bytes of the body
    early                                the answer comes before the request's body

Without the header: the recording with the same path and request body, else the first with that path, else an echo of
the request in JSON. An upgrade to websocket is accepted, and its bytes are echoed.
"""

import asyncio
import dataclasses
import gzip
import json
import random
import socket
import sys
import threading

from . import messages, recordings

HANG_S = 3600
HEADER_BYTES = 1 << 20
# Long bodies are not cut into single bytes to their end: after this many chunks the pieces grow, or one test takes
# minutes and shows nothing new.
SMALL_CHUNKS = 6000


@dataclasses.dataclass
class Call:
    """One request that arrived."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name):
        """The first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def is_early(self):
        """True where the answer is not to wait for the body."""
        return ";early" in (self.header("x-replay") or "")

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


@dataclasses.dataclass
class Answer:
    """One answer, before the options of `x-replay` are applied. `body` may be an iterable of chunks (generated)."""

    body: object
    status: int = 200
    content_type: str = "application/json"
    headers: tuple = ()


def sse_events(body):
    """Cuts an event stream after each blank line."""
    events, start = [], 0
    while start < len(body):
        ends = [at + len(mark) for mark in (b"\n\n", b"\r\n\r\n") if (at := body.find(mark, start)) >= 0]
        end = min(ends, default=len(body))
        events.append(body[start:end])
        start = end
    return events


def cut(body, how):
    """The chunks of a body."""
    if how == "whole":
        return [body]
    if how == "event":
        return messages.split(body) if messages.is_stream(body) else sse_events(body)
    if how.startswith("random:"):
        rng, chunks, at = random.Random(int(how[7:])), [], 0
        while at < len(body):
            size = rng.choice((1, 2, 3, 5, 8, 13, 40, 200, 1000))
            chunks.append(body[at:at + size])
            at += size
        return chunks
    size, chunks, at = int(how), [], 0
    while at < len(body):
        step = size if len(chunks) < SMALL_CHUNKS else 61
        chunks.append(body[at:at + step])
        at += step
    return chunks


class Upstream:
    """The server, in a thread of its own. Use as a context manager."""

    def __init__(self, port=0):
        self._wanted_port = port
        self.calls = []  # every Call, in order of arrival
        self.port = None
        self._scripts = {}
        known = [one for dialect in recordings.DIALECTS + recordings.MORE for one in recordings.recordings_of(dialect)]
        self._by_id = {recording.id: recording for recording in known}
        self._loop = asyncio.new_event_loop()
        self._tasks = set()
        self._server = None

    def __enter__(self):
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), name="replay", daemon=True).start()
        started.wait()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._shut_down)

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, "127.0.0.1", self._wanted_port, limit=HEADER_BYTES)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()

    def _shut_down(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.call_soon(self._loop.stop)

    # --- for tests ----------------------------------------------------------------------------------------------

    def script(self, name, answer):
        """Makes an answer available as `script/NAME`; returns the value for `x-replay`."""
        self._scripts[f"script/{name}"] = answer
        return f"script/{name}"

    @property
    def last(self):
        """The newest call."""
        return self.calls[-1]

    # --- one connection -----------------------------------------------------------------------------------------

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while (call := await self._read(reader)) is not None:
                self.calls.append(call)
                if (call.header("upgrade") or "").lower() == "websocket":
                    await self._websocket(reader, writer)
                    return
                if not await self._answer(call, writer):
                    writer.transport.abort()
                    return
                if call.is_early:
                    while await reader.read(65536):
                        pass
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _read(reader):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = [(key.strip().lower(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]
        fields = dict(headers)
        if (call := Call(method, path, headers, b"")).is_early:
            return call
        if "chunked" in fields.get("transfer-encoding", ""):
            parts = []
            while size := int((await reader.readline()).split(b";")[0], 16):
                parts.append(await reader.readexactly(size))
                await reader.readexactly(2)
            while (await reader.readline()).strip():
                pass  # trailers
            body = b"".join(parts)
        else:
            body = await reader.readexactly(int(fields.get("content-length", 0)))
        return Call(method, path, headers, body)

    @staticmethod
    async def _websocket(reader, writer):
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    # --- one answer ---------------------------------------------------------------------------------------------

    def _choose(self, call):
        """`(answer, options)` for a call."""
        wanted, *options = [part.strip() for part in (call.header("x-replay") or "").split(";")]
        options = dict(part.partition("=")[::2] for part in options if part)
        if wanted in self._scripts:
            return self._scripts[wanted], options
        recording = self._by_id.get(wanted) or self._same_request(call) if wanted != "echo" else None
        if recording is None:
            if wanted and wanted != "echo":
                return Answer(f"no recording or script `{wanted}`\n".encode(), 599, "text/plain"), options
            echo = {"method": call.method, "path": call.path, "headers": call.headers,
                    "body": call.body.decode("latin-1")}
            return Answer(json.dumps(echo).encode()), options
        return Answer(recording.body, recording.status, recording.content_type), options

    def _same_request(self, call):
        same_path = [recording for recording in self._by_id.values() if recording.path == call.path]
        same_body = [recording for recording in same_path if recording.request == call.body]
        return next(iter(same_body or same_path), None)

    async def _answer(self, call, writer):
        """Sends one answer; False where the connection must break."""
        answer, options = self._choose(call)
        if options.get("hang") == "headers":
            await asyncio.sleep(HANG_S)
        headers = [("content-type", answer.content_type), *answer.headers]
        body = answer.body
        if isinstance(body, bytes):
            if "gzip" in options:
                body = gzip.compress(body)
                headers.append(("content-encoding", "gzip"))
            chunks = cut(body, options.get("chunks", "event"))
        else:
            chunks = body()
        status = int(options.get("status", answer.status))
        no_body = call.method == "HEAD" or status == 204
        fixed = isinstance(body, bytes) and "length" in options or no_body
        headers.append(("content-length", str(len(body))) if fixed else ("transfer-encoding", "chunked"))
        head = f"HTTP/1.1 {status} Replay\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers) + "\r\n"
        writer.write(head.encode("latin-1"))
        await writer.drain()
        if no_body:
            return True
        return await self._send_body(writer, chunks, fixed, options)

    @staticmethod
    async def _send_body(writer, chunks, fixed, options):
        pace = float(options.get("pace", 0)) / 1000
        stop_at = int(options["cut"]) if "cut" in options else int(options["hang"]) if "hang" in options else None
        sent = 0
        for chunk in chunks:
            last = stop_at is not None and sent + len(chunk) >= stop_at
            if last:
                chunk = chunk[:stop_at - sent]
            if chunk:
                writer.write(chunk if fixed else b"%x\r\n%b\r\n" % (len(chunk), chunk))
                sent += len(chunk)
                # A chunk is to reach the proxy as a read of its own: let the other side run before the next.
                await writer.drain()
                await asyncio.sleep(pace)
            if last:
                if "hang" in options:
                    await asyncio.sleep(HANG_S)
                return False
        if not fixed:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return True


def main():
    """Serves until interrupted, for trying a proxy by hand: `python -m rig.replay [PORT]`."""
    with Upstream(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as upstream:
        count = len(recordings.all_recordings())
        print(f"replaying {count} recordings on http://127.0.0.1:{upstream.port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
