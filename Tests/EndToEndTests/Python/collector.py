"""A collector that takes OTLP over HTTP as JSON, and parses each message by the published schema.

    collector.py [PORT]

Prints {"port": 12345} on stdout, and ends when stdin closes. `POST /_manner` sets how it answers from then on: {"status": 503, "retry_after": "1",
"times": 2, "delay": 0.5, "length": 1000000, "reject": 3}. `GET /_received` has what was taken, what was asked, and every fault of a message.
"""

import base64
import http.server
import json
import re
import sys
import threading
import time

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from parent import end_with_parent

IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
MESSAGES = {
    "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
    "/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}
# 64-bit numbers are texts in the JSON of protobuf, 32-bit numbers and enumerations of OTLP are not.
TEXTS = {"startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "asInt", "intValue", "count"}
NUMBERS = {"kind", "code", "flags", "aggregationTemporality", "asDouble", "sum"}

lock = threading.Lock()
manner = {}
received = {"asked": [], "faults": [], "spans": [], "resources": [], "metrics": {}, "messages": []}


def unhex(value, faults):
    """Protobuf's own JSON writes bytes as base64, OTLP's writes ids as hexadecimal."""
    if isinstance(value, list):
        return [unhex(one, faults) for one in value]
    if not isinstance(value, dict):
        return value
    known = {}
    for name, one in value.items():
        if name in IDS:
            if not isinstance(one, str) or not re.fullmatch("[0-9a-f]{%d}" % IDS[name], one):
                faults.append(f"{name} is {one!r}")
                continue
            one = base64.b64encode(bytes.fromhex(one)).decode()
        elif name in TEXTS and not isinstance(one, str):
            faults.append(f"{name} is no text: {one!r}")
        elif name in NUMBERS and not isinstance(one, (int, float, dict)):
            faults.append(f"{name} is no number: {one!r}")
        known[name] = unhex(one, faults)
    return known


def plain(value):
    return getattr(value, value.WhichOneof("value"))


def attributes(list):
    names = [entry.key for entry in list]
    assert len(names) == len(set(names)), names
    return {entry.key: plain(entry.value) for entry in list}


def take(path, message):
    if path == "/v1/traces":
        for resource in message.resource_spans:
            received["resources"].append(attributes(resource.resource.attributes))
            for scope in resource.scope_spans:
                received["messages"].append(len(scope.spans))
                for span in scope.spans:
                    received["spans"].append({
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "flags": span.flags,
                        "name": span.name,
                        "kind": span.kind,
                        "start": str(span.start_time_unix_nano),
                        "end": str(span.end_time_unix_nano),
                        "attributes": attributes(span.attributes),
                        "status": span.status.code,
                    })
        return
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points = getattr(metric, metric.WhichOneof("data")).data_points
                received["metrics"][metric.name] = {
                    "kind": metric.WhichOneof("data"),
                    "unit": metric.unit,
                    "points": [
                        json_format.MessageToDict(point) | {"labels": attributes(point.attributes)} for point in points
                    ],
                }


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with lock:
            self.answer(200, json.dumps(received).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/_manner":
            with lock:
                manner.clear()
                manner.update(json.loads(body))
            return self.answer(200, b"{}")
        with lock:
            now = dict(manner)
            if "times" in manner:
                manner["times"] -= 1
                if manner["times"] == 0:
                    manner.clear()
            status = now.get("status", 200)
            received["asked"].append({"path": self.path, "status": status, "at": time.monotonic()})
            faults = []
            try:
                message = json_format.ParseDict(unhex(json.loads(body), faults), MESSAGES[self.path]())
                if self.headers["Content-Type"] != "application/json":
                    faults.append(self.headers["Content-Type"])
                if status == 200:
                    take(self.path, message)
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}")
            received["faults"] += faults
        time.sleep(now.get("delay", 0))
        answer = b"{}"
        if "reject" in now:
            answer = json.dumps({"partialSuccess": {"rejectedSpans": str(now["reject"]), "errorMessage": "no"}}).encode()
        answer += b" " * now.get("length", 0)
        self.answer(status, answer, now.get("retry_after"))

    def answer(self, status, body, retry_after=None):
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that breaks off is what some tests are about."""


server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Collector)
end_with_parent()
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
