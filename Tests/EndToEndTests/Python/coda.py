"""A stand-in for the API of Coda: says who calls by the token that came.

Prints {"port": 12345} when it listens. Ends on SIGTERM, and when stdin closes.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from parent import end_with_parent


class Coda(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return self.answer(401, {"statusCode": 401, "message": "no token"})
        if self.path.partition("?")[0] != "/apis/v1/whoami":
            return self.answer(404, {"statusCode": 404, "message": "not here"})
        self.answer(200, {
            "name": "holder of " + token, "loginId": "holder@example.com", "type": "user", "scoped": False,
            "tokenName": "test", "href": "https://coda.io/apis/v1/whoami", "workspace": {"id": "ws-1", "type": "workspace"},
        })

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Coda)
end_with_parent()
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
