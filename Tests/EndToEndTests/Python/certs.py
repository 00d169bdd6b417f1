"""Serves a file at every path, read anew for each request: an Access certs URL whose keys a test rotates by writing the
file.

    certs.py FILE [FOLDER [NAME]]

Prints {"port": 12345} on stdout. With FOLDER it speaks TLS, with a certificate for 127.0.0.1 by an authority that it makes
and writes to FOLDER/authority.pem; with NAME for that name, which stands in the common name alone. Ends when stdin closes.
"""

import http.server
import json
import os
import ssl
import sys
import threading
import time


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


def speak_tls(server, folder, name="certs"):
    from datetime import datetime, timedelta, timezone
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.now(timezone.utc)

    def certificate(name, key, issuer, issuer_key, *extensions):
        def named(text):
            return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])

        builder = x509.CertificateBuilder(named(issuer), named(name), key.public_key(), x509.random_serial_number(),
                                          now - timedelta(hours=1), now + timedelta(days=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificate("authority", authority_key, "authority", authority_key, x509.BasicConstraints(True, None))
    names = [x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])] if name == "certs" else []
    leaf = certificate(name, key, "authority", authority_key, x509.BasicConstraints(False, None), *names)
    with open(f"{folder}/authority.pem", "wb") as file:
        file.write(authority)
    with open(f"{folder}/server.pem", "wb") as file:
        file.write(leaf + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                            serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem")
    # The handshake belongs to the connection's own thread, so that one client cannot hold up the next.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


def end_with_parent():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


server = Server(("127.0.0.1", 0), Certs)
if len(sys.argv) > 2:
    speak_tls(server, *sys.argv[2:])
threading.Thread(target=end_with_parent, daemon=True).start()
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
