"""A plain HTTP/1.1 client: bytes out, bytes in, nothing added, decoded or retried."""

import dataclasses
import http.client
import socket


@dataclasses.dataclass
class Response:
    """One answer; `headers` in order, names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name):
        """The first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)


def fetch(port, method, path, body=None, headers=None, timeout=60):
    """Sends one request on a connection of its own and reads the whole answer. A body that breaks off raises
    `http.client.IncompleteRead`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        fields = {"content-type": "application/json"} if body is not None else {}
        fields |= {"content-length": str(len(body))} if isinstance(body, bytes) else {}
        fields |= headers or {}
        for name, value in fields.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Response(answer.status, [(name.lower(), value) for name, value in answer.getheaders()], answer.read())
    finally:
        connection.close()


def raw(port, data, timeout=20):
    """Sends bytes as they are and returns all that comes back until the other side closes or falls silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(data)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except TimeoutError:
            pass
        return received
