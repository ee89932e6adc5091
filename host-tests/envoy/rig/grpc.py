"""A gRPC call in its bare bones, over HTTP/2 without TLS: one message there, the same one back, then trailers."""

import contextlib
import socket
import threading

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, StreamEnded, TrailersReceived


def _connection(client_side):
    return H2Connection(config=H2Configuration(client_side=client_side, header_encoding="utf-8"))


@contextlib.contextmanager
def echo_server():
    """Serves every connection in a thread; `(port, headers of the requests so far)`."""
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def accept():
            with contextlib.suppress(OSError):  # the listener was closed: the test is over
                while True:
                    threading.Thread(target=_serve, args=(listener.accept()[0], seen), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], seen


def _serve(connection, seen):
    h2, bodies = _connection(client_side=False), {}
    h2.initiate_connection()
    with connection:
        connection.sendall(h2.data_to_send())
        while data := connection.recv(65536):
            for event in h2.receive_data(data):
                if isinstance(event, RequestReceived):
                    seen.append(dict(event.headers))
                elif isinstance(event, DataReceived):
                    bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                elif isinstance(event, StreamEnded):
                    at = event.stream_id
                    h2.send_headers(at, [(":status", "200"), ("content-type", "application/grpc")])
                    h2.send_data(at, bodies.pop(at, b""))
                    h2.send_headers(at, [("grpc-status", "0"), ("grpc-message", "fine")], end_stream=True)
            connection.sendall(h2.data_to_send())


def call(port, path, message):
    """One unary call: `(response headers, body, trailers)`."""
    h2, headers, body, trailers = _connection(client_side=True), {}, b"", {}
    h2.initiate_connection()
    h2.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", path),
                        ("content-type", "application/grpc"), ("te", "trailers")])
    h2.send_data(1, b"\x00" + len(message).to_bytes(4, "big") + message, end_stream=True)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(h2.data_to_send())
        while data := connection.recv(65536):
            for event in h2.receive_data(data):
                if isinstance(event, ResponseReceived):
                    headers = dict(event.headers)
                elif isinstance(event, DataReceived):
                    body += event.data
                elif isinstance(event, TrailersReceived):
                    trailers = dict(event.headers)
                elif isinstance(event, StreamEnded):
                    return headers, body[5:], trailers
            connection.sendall(h2.data_to_send())
    raise ConnectionError("the connection ended before the call did")
