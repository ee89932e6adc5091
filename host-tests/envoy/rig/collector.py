"""Somebody who takes spans: an OTLP/HTTP receiver that reads with opentelemetry-proto, and misbehaves on demand."""

import http.server
import json
import threading
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def plain(value):
    """An attribute's value as Python has it."""
    kind = value.WhichOneof("value")
    return [plain(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


class Collector:
    """The server, in threads of its own. Use as a context manager."""

    def __init__(self):
        self.spans = []  # (span, its attributes), in order of arrival
        self.posts = []  # (path, headers, how many spans) of each POST, taken or not
        self.status = 200
        self.hangs = threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                request = ExportTraceServiceRequest.FromString(body)
                assert request.SerializeToString() == body or request.ByteSize() == len(body)
                spans = [span for resource in request.resource_spans for scope in resource.scope_spans
                         for span in scope.spans]
                collector.posts.append((self.path, dict(self.headers), len(spans)))
                while collector.hangs.is_set():
                    time.sleep(0.05)
                if collector.status == 200:
                    collector.spans += [(span, {one.key: plain(one.value) for one in span.attributes})
                                        for span in spans]
                self.send_response(collector.status)
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

    def wait_for(self, seconds=15, **attributes):
        """The first span with these attributes (`__` for a dot); waits for it."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        deadline = time.monotonic() + seconds
        while True:
            for span, have in list(self.spans):
                if all(have.get(name) == value for name, value in wanted.items()):
                    return span, have
            if time.monotonic() > deadline:
                raise AssertionError(f"no span with {wanted}; there are {[have for _, have in self.spans]}")
            time.sleep(0.02)


def said(attributes, key="gen_ai.output.messages"):
    """The words of a span's messages."""
    messages = json.loads(attributes.get(key, "[]"))
    return [part["content"] for message in messages for part in message["parts"] if part["type"] == "text"]
