"""A server of releases that proxies poll."""

import contextlib
import http.server
import threading
import time

from .releases import digest


class Source:
    """A static server whose one file, and whose moods, a test chooses."""

    def __init__(self):
        source = self
        self.body, self.mood, self.asked, self.not_modified = b"", "good", 0, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                source.asked += 1
                if source.mood == "slow":
                    time.sleep(8)
                if source.mood == "error":
                    self._answer(500, b"no")
                elif source.mood == "garbage":
                    self._answer(200, b"<html>captive portal</html>")
                elif source.mood == "huge":
                    self._answer(200, b" " * 3_000_000)
                elif self.headers.get("if-none-match") == self._etag():
                    source.not_modified += 1
                    self._answer(304, b"")
                else:
                    self._answer(200, source.body)

            def _etag(self):
                return f'"{digest(source.body.decode())}"'

            def _answer(self, status, body):
                self.send_response(status)
                if source.mood == "good":
                    self.send_header("etag", self._etag())
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
