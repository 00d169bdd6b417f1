"""Serves a file at every path, read anew for each request: an Access certs URL whose keys a test rotates by writing the
file.

    certs.py FILE [FOLDER [NAME]]

Prints {"port": 12345} on stdout. With FOLDER it speaks TLS, with a certificate for 127.0.0.1 by an authority that it makes
and writes to FOLDER/authority.pem; with NAME for that name, which stands in the common name alone. Ends when stdin closes.
"""

import http.server
import json
import os
import sys
import time

from edge_tls import speak_tls
from parent import end_with_parent


class Certs(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def date_time_string(self, timestamp=None):
        """What the Date says: seconds off by what FILE.off holds, where there is one."""
        off = 0
        if os.path.exists(sys.argv[1] + ".off"):
            with open(sys.argv[1] + ".off") as file:
                off = int(file.read())
        return super().date_time_string((timestamp or time.time()) + off)

    def do_GET(self):
        with open(sys.argv[1], "rb") as file:
            body = file.read()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that breaks off is what some tests are about."""


server = Server(("127.0.0.1", 0), Certs)
if len(sys.argv) > 2:
    speak_tls(server, *sys.argv[2:])
end_with_parent()
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
