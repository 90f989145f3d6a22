"""Sends spans to the server, as OTEL_EXPORTER_OTLP_PROTOCOL says: http/protobuf (the default) or grpc."""

import logging
import os

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from scenario import API

# What the exporter complains about, which it does not raise.
complaints = []


class Complaints(logging.Handler):
    """Keeps complaints."""

    def emit(self, record):
        complaints.append(record.getMessage())


logging.getLogger("opentelemetry.exporter").addHandler(Complaints(logging.WARNING))


def exporter():
    """Makes the exporter."""
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=API, insecure=True)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{API}/v1/traces")


def start(service):
    """Makes the provider of tracers that exports to the server, and makes it the one everybody uses."""
    resource = Resource.create({"service.name": service, "host.name": "test-host"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter()))
    trace.set_tracer_provider(provider)
    return provider
