"""Somebody who takes spans: an OTLP/HTTP receiver that reads with opentelemetry-proto, and misbehaves on demand."""

import json

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .receiver import Receiver


def plain(value):
    """An attribute's value as Python has it."""
    kind = value.WhichOneof("value")
    return [plain(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


class Collector(Receiver):
    """A [`Receiver`] of spans."""

    def read(self, body):
        """The spans of one export, each with its attributes."""
        request = ExportTraceServiceRequest.FromString(body)
        assert request.SerializeToString() == body or request.ByteSize() == len(body)
        return [(span, {one.key: plain(one.value) for one in span.attributes})
                for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]

    @property
    def spans(self):
        """(span, its attributes) of every span that was taken."""
        return self.taken

    def wait_for(self, seconds=15, **attributes):
        """The first span with these attributes (`__` for a dot), and all it has; waits for it."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        return self.first(lambda one: one[1], wanted, seconds)


def said(attributes, key="gen_ai.output.messages"):
    """The words of a span's messages."""
    messages = json.loads(attributes.get(key, "[]"))
    return [part["content"] for message in messages for part in message["parts"] if part["type"] == "text"]
