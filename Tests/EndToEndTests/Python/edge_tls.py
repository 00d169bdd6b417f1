"""TLS for the servers beside it."""

import ssl


def speak_tls(server, folder, name="certs"):
    """With a certificate for 127.0.0.1 by an authority that it makes and writes to FOLDER/authority.pem; with another name for that one, in the common name alone."""
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
