"""Somebody who takes what the proxy posts, and misbehaves on demand: events, or whatever a subclass reads."""

import http.server
import json
import threading
import time


class Receiver:
    """The server, in threads of its own; it takes events. Use as a context manager."""

    def __init__(self):
        self.taken = []  # what `read` made of each POST that was taken, in order of arrival
        self.requests = []  # (path, headers) of each POST, taken or not
        self.status = 200  # what it answers
        self.hangs = threading.Event()  # while set, no answer comes
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                read = receiver.read(body)
                receiver.requests.append((self.path, dict(self.headers)))
                while receiver.hangs.is_set():
                    time.sleep(0.05)
                if receiver.status == 200:
                    receiver.taken += read
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.hangs.clear()
        self._server.shutdown()
        self._server.server_close()

    def read(self, body):
        """What one body holds, as a list."""
        return [json.loads(body)]

    @property
    def events(self):
        """Every event that was taken."""
        return self.taken

    def wait_for(self, kind, seconds=15, **fields):
        """The first event of this kind with these values; waits for it."""
        return self.first(lambda event: event, {"event": kind, **fields}, seconds)

    def first(self, fields_of, wanted, seconds):
        """The first thing taken whose fields have these values; waits for it."""
        deadline = time.monotonic() + seconds
        while True:
            for one in list(self.taken):
                if all(fields_of(one).get(name) == value for name, value in wanted.items()):
                    return one
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing with {wanted}; there are {[fields_of(one) for one in self.taken]}")
            time.sleep(0.02)
