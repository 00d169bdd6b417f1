"""What stands before several instances: TLS, the assertion of the person who has signed in, and one instance after the other.

    edge.py FOLDER SOCKET...

ASSERTION in the environment is put on every request. Prints {"port": 12345}, and for each request {"request": "GET /path", "instance": 0}. Ends when stdin
closes.
"""

import http.client
import http.server
import itertools
import json
import os
import socket
import sys

from edge_tls import speak_tls
from parent import end_with_parent

folder, sockets = sys.argv[1], sys.argv[2:]
turn = itertools.count()


class Origin(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("origin", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Edge(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        instance = next(turn) % len(sockets)
        print(json.dumps({"request": f"{self.command} {self.path.split('?')[0]}", "instance": instance}), flush=True)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "cf-access-jwt-assertion")}
        headers["Cf-Access-Jwt-Assertion"] = os.environ["ASSERTION"]
        origin = Origin(sockets[instance])
        origin.request(self.command, self.path, body or None, headers)
        answer = origin.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        origin.close()

    do_GET = do_POST = forward

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A browser breaks off what it has opened in advance."""


server = Server(("127.0.0.1", 0), Edge)
speak_tls(server, folder)
end_with_parent()
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
