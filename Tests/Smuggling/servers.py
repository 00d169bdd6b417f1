"""The servers behind Gatehouse. Each is as lenient as its options let it be: a strict one would hide what Gatehouse lets through.

Of each the same is known afterwards: what arrived whole, in order (`arrivals`), and what the server itself says that it was sent (`said`), which
for the three proxies also has what they refused to pass on to the recorder.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import reader

HERE = Path(__file__).parent
# Says which arrival an answer belongs to.
MARK = "X-Arrival"


@dataclass
class Arrival:
    number: int
    method: bytes
    path: bytes
    # With the trailers, which some servers take for fields.
    fields: list[tuple[bytes, bytes]]
    body: bytes


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Recorder:
    """An upstream that reads strictly, keeps what arrives and answers with its number."""

    def __init__(self) -> None:
        self.arrivals: deque[Arrival] = deque()
        self.faults: list[str] = []
        self.count, self.lock = 0, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        data, asked = b"", False
        try:
            while True:
                try:
                    request, end = reader.request(data)
                except reader.Malformed as fault:
                    self.faults.append(f"the recorder was sent {data[:200]!r}: {fault}")
                    return
                except reader.Incomplete:
                    if not asked and b"\r\n\r\n" in data and re.search(rb"(?i)\r\nexpect: *100-continue\r\n", data):
                        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                        asked = True
                    piece = connection.recv(1 << 16)
                    if not piece:
                        return
                    data += piece
                    continue
                data, asked = data[end:], False
                with self.lock:
                    self.count += 1
                    number = self.count
                    self.arrivals.append(Arrival(number, request.method, request.target, request.fields + request.trailers, request.body))
                body = b"" if request.method == b"HEAD" else b"{}"
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%s: %d\r\nContent-Length: 2\r\n\r\n%s" % (MARK.encode(), number, body)
                )
        except OSError:
            pass
        finally:
            connection.close()


class Server:
    """A program, and what it writes on its output."""

    # Whether a recorder stands behind it.
    is_proxy = True

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder / self.name, free_port()
        self.folder.mkdir()
        self.recorder = Recorder() if self.is_proxy else None
        self.arrivals: deque[Arrival] = self.recorder.arrivals if self.recorder else deque()
        # Request id and request line of each request that the server says it had.
        self.said: list[tuple[str, str, str]] = []
        self.faults: list[str] = self.recorder.faults if self.recorder else []
        self.program = subprocess.Popen(
            self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}
        )
        threading.Thread(target=self.listen, daemon=True).start()
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                if time.monotonic() > end or self.program.poll() is not None:
                    raise SystemExit(f"error: {self.name} does not start: {self.faults}")
                time.sleep(0.02)

    def listen(self) -> None:
        for line in self.program.stdout:
            self.heard(line.decode(errors="replace").rstrip("\n"))

    def heard(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return
        if "fault" in told:
            self.faults.append(f"{self.name}: {told['fault']}")
        elif "line" in told:
            self.said.append((told["id"], told["line"], told.get("status", "")))
        else:
            fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told["fields"]]
            self.arrivals.append(Arrival(told["number"], told["method"].encode(), told["path"].encode("latin-1"), fields, told["body"].encode("latin-1")))

    def stop(self) -> None:
        self.program.send_signal(signal.SIGTERM)
        try:
            self.program.wait(10)
        except subprocess.TimeoutExpired:
            self.program.kill()


class Nginx(Server):
    name = "nginx"

    def command(self) -> list[str]:
        place = self.folder / "nginx.conf"
        place.write_text(f"""
            daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
            events {{ worker_connections 512; }}
            http {{
                log_format told escape=json '{{"id":"$http_x_request_id","line":"$request","status":"$status"}}';
                access_log /dev/stdout told;
                client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
                large_client_header_buffers 8 64k;
                underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;
                server {{
                    listen 127.0.0.1:{self.port};
                    location / {{
                        proxy_pass http://127.0.0.1:{self.recorder.port};
                        proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection "";
                    }}
                }}
            }}""")
        return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(place), "-p", str(self.folder), "-e", f"{self.folder}/error.log"]


class Apache(Server):
    name = "apache"

    def command(self) -> list[str]:
        place, modules = self.folder / "apache.conf", "/usr/lib/apache2/modules"
        loaded = "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in ["mpm_event", "authz_core", "proxy", "proxy_http", "log_config", "headers"] if Path(f"{modules}/mod_{name}.so").exists())
        place.write_text(f"""
{loaded}
ServerRoot {self.folder}
ServerName localhost
PidFile {self.folder}/pid
DefaultRuntimeDir {self.folder}
Listen 127.0.0.1:{self.port}
User {"www-data" if os.getuid() == 0 else "#-1"}
Group {"www-data" if os.getuid() == 0 else "#-1"}
ErrorLog {self.folder}/error.log
HttpProtocolOptions Unsafe LenientMethods Allow0.9
AllowEncodedSlashes NoDecode
LimitRequestFieldSize 65536
LimitRequestLine 65536
TraceEnable on
KeepAlive on
MaxKeepAliveRequests 0
LogFormat "%{{X-Request-Id}}i\\t%r\\t%>s" told
CustomLog "|/usr/bin/cat" told
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:{self.recorder.port}/ nocanon
""")
        return ["/usr/sbin/apache2", "-X", "-f", str(place)]

    def heard(self, line: str) -> None:
        words = line.split("\t")
        if len(words) == 3:
            self.said.append((words[0], words[1], words[2]))


class HAProxy(Server):
    name = "haproxy"

    def command(self) -> list[str]:
        place = self.folder / "haproxy.cfg"
        place.write_text(f"""
global
    log stdout format raw local0
    tune.bufsize 65536
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option accept-invalid-http-request
    option http-keep-alive
    log global
frontend front
    bind 127.0.0.1:{self.port}
    http-request capture req.hdr(X-Request-Id) len 64
    log-format "%[capture.req.hdr(0)]\\t%r\\t%ST"
    default_backend back
backend back
    server recorder 127.0.0.1:{self.recorder.port}
""")
        return ["/usr/sbin/haproxy", "-db", "-f", str(place)]

    heard = Apache.heard


class Uvicorn(Server):
    name, is_proxy, codec = "uvicorn", False, "h11"

    def command(self) -> list[str]:
        python = os.environ["GATEHOUSE_SMUGGLING_PYTHON"]
        return [python, str(HERE / "uvicorn_server.py"), str(self.port), self.codec]


class UvicornOnHTTPTools(Uvicorn):
    name, codec = "uvicorn-httptools", "httptools"


class Node(Server):
    name, is_proxy = "node", False

    def command(self) -> list[str]:
        return [shutil.which("node") or "node", str(HERE / "node_server.mjs"), str(self.port)]


ALL = [Nginx, Apache, HAProxy, Uvicorn, UvicornOnHTTPTools, Node]
