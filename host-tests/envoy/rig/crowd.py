"""Many callers at once, each with a connection that it uses again and again."""

import asyncio


class Caller:
    """One connection."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def ask(self, replay, payload, abort=None, path="/v1/chat/completions", headers=()):
        """Sends a request; gives status, headers and body. `abort`: hangs up after so many seconds, and gives None."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        fields = "".join(f"{key}: {value}\r\n" for key, value in headers)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nx-replay: {replay}\r\n"
            f"{fields}content-length: {len(payload)}\r\n\r\n"
        )
        self.writer.write(head.encode() + payload)
        if abort is not None:
            await asyncio.sleep(abort)
            self.close()
            return None
        first = await self.reader.readline()
        headers = {}
        while line := (await self.reader.readline()).strip():
            key, _, value = line.decode("latin-1").partition(":")
            headers[key.lower()] = value.strip()
        if "content-length" in headers:
            read = await self.reader.readexactly(int(headers["content-length"]))
        else:
            read = b""
            while size := int((await self.reader.readline()).split(b";")[0], 16):
                read += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readline()
        if headers.get("connection") == "close":
            self.close()
        return int(first.split()[1]), headers, read

    def close(self):
        """Hangs up."""
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None


def together(port, callers, job):
    """Runs `job(caller, number)` for so many callers at once; gives their results."""

    async def one(number):
        caller = Caller(port)
        try:
            return await job(caller, number)
        finally:
            caller.close()

    async def everybody():
        return await asyncio.gather(*(one(number) for number in range(callers)))

    return asyncio.run(everybody())
