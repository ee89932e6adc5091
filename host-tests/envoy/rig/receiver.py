"""Somebody who takes events: an HTTP server that keeps what is posted to it, and misbehaves on demand."""

import http.server
import json
import threading
import time


class Receiver:
    """The server, in threads of its own. Use as a context manager."""

    def __init__(self):
        self.events = []  # every event, in order of arrival
        self.requests = []  # (path, headers) of each POST, taken or not
        self.status = 200  # what it answers
        self.hangs = threading.Event()  # while set, no answer comes
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append((self.path, dict(self.headers)))
                while receiver.hangs.is_set():
                    time.sleep(0.05)
                if receiver.status == 200:
                    receiver.events.append(json.loads(body))
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

    def wait_for(self, kind, seconds=15, **fields):
        """The first event of this kind with these values; waits for it."""
        deadline = time.monotonic() + seconds
        while True:
            for event in list(self.events):
                if event["event"] == kind and all(event.get(name) == value for name, value in fields.items()):
                    return event
            if time.monotonic() > deadline:
                raise AssertionError(f"no {kind} event with {fields}; there are {self.events}")
            time.sleep(0.02)
