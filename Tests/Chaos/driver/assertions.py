"""Assertions as Access signs them, by the openssl command: RS256 with keys that are made for the run."""

import base64
import json
import os
import subprocess
import time

ISSUER = "https://example.cloudflareaccess.com"
AUDIENCE = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"
HOUR = 3600


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    def __init__(self, folder, name):
        self.id = name
        self.path = os.path.join(folder, name + ".pem")
        made = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.path]
        subprocess.run(made, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def jwk(self):
        line = subprocess.run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"], check=True, capture_output=True)
        modulus = bytes.fromhex(line.stdout.decode().strip().split("=")[1])
        return {"kid": self.id, "kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB", "n": encode(modulus)}

    def sign(self, **changes):
        now = int(time.time())
        claims = {"aud": [AUDIENCE], "email": "david@example.com", "iat": now - 3 * HOUR, "nbf": now - 3 * HOUR,
                  "exp": now + 24 * HOUR, "iss": ISSUER, "type": "app", "identity_nonce": "6ei69kawdKzMIAPF",
                  "sub": "7335d417-61da-459d-899c-0a01c76a2f94", "country": "AT", **changes}
        head = {"alg": "RS256", "kid": self.id}
        signed = ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=signed.encode(), check=True, capture_output=True)
        return signed + "." + encode(made.stdout)


class Assertions:
    """One for each kind of caller. Only `ok` and `other` may reach the upstream, `ends` as long as half an hour from the start is not over."""

    def __init__(self, folder):
        self.key, self.stranger, self.liar = Key(folder, "access"), Key(folder, "stranger"), Key(folder, "liar")
        now = int(time.time())
        good = self.key.sign()
        head, claims, signature = good.split(".")
        self.of = {
            "ok": good,
            "ends": self.key.sign(exp=now + HOUR // 2, sub="1a"),
            "tool": good,
            "other": self.key.sign(email="nora@example.com", sub="4d"),
            "who": self.key.sign(email="eve@elsewhere.example", sub="2b"),
            "denied": self.key.sign(email="mallory@example.com", sub="3c"),
            "audience": self.key.sign(aud=["0" * 64]),
            "old": self.key.sign(iat=now - 900 * HOUR, nbf=now - 900 * HOUR, exp=now - 800 * HOUR),
            "key": self.stranger.sign(),
            "signature": f"{head}.{claims}.{signature[::-1]}",
            "none": None,
        }
