"""Serves the public key of an issuer like Access, over TLS."""

import http.server
import json
import ssl

import jwt
from cryptography.hazmat.primitives import serialization

key = serialization.load_pem_private_key(open("/issuer/signing.key", "rb").read(), None)
public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
body = json.dumps({"keys": [public | {"kid": "test", "alg": "RS256", "use": "sig"}]}).encode()


class Certs(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("", 8443), Certs)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/issuer/ca.pem", "/issuer/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
