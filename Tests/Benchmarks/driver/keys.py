"""Keys and assertions of the shape that Cloudflare Access signs, made once and kept in the benchmark's folder."""

import base64
import json
import os
import time
import uuid
from concurrent.futures import ProcessPoolExecutor

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://bench.cloudflareaccess.com"
AUDIENCE = "aud-bench"
KID = "bench-key-1"
LIFETIME = 7 * 86400

_key = None


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(value):
    return encode(json.dumps(value, separators=(",", ":")).encode())


def claims(number=None, **changes):
    now = int(time.time())
    value = {
        "aud": [AUDIENCE], "email": "ops@example.com" if number is None else f"user{number:05d}@example.com",
        "exp": now + LIFETIME, "iat": now - 60, "nbf": now - 60, "iss": ISSUER, "type": "app",
        "identity_nonce": encode(os.urandom(12)), "sub": str(uuid.uuid4()), "country": "DE",
    }
    value.update(changes)
    return value


def sign(key, value):
    signed = segment({"alg": "RS256", "kid": KID, "typ": "JWT"}) + "." + segment(value)
    return signed + "." + encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))


def _load(pem):
    global _key
    _key = serialization.load_pem_private_key(pem, None)


def _many(numbers):
    return [sign(_key, claims(number)) for number in numbers]


def _broken(assertion, number):
    """Well-formed, claims changed after signing: the signature no longer fits. Each one is different."""
    head, body, signature = assertion.split(".")
    value = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    value["email"] = f"intruder{number:05d}@example.com"
    return f"{head}.{segment(value)}.{signature}"


class Keys:
    """Files: certs.json, public.pem, one, many (10,000 callers), broken (10,000, no signature fits),
    twice (20,000 callers; made when first asked for)."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        if not os.path.exists(self.path("broken")) or time.time() - os.path.getmtime(self.path("broken")) > 86400:
            self._make()

    def path(self, name):
        return os.path.join(self.folder, name)

    def one(self):
        return open(self.path("one")).read().strip()

    def minted(self, **changes):
        with open(self.path("private.pem"), "rb") as file:
            return sign(serialization.load_pem_private_key(file.read(), None), claims(**changes))

    def twice(self):
        """Twice as many callers as `many`, which is as many as a verdict cache holds."""
        if not os.path.exists(self.path("twice")) or os.path.getmtime(self.path("twice")) < os.path.getmtime(self.path("many")):
            with open(self.path("private.pem"), "rb") as file:
                more = self._signed(file.read(), 10_000, 20_000)
            self._write("twice", open(self.path("many")).read() + "\n".join(more) + "\n")
        return self.path("twice")

    def _make(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with open(os.open(self.path("private.pem"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(pem)
        with open(self.path("public.pem"), "wb") as file:
            file.write(key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        numbers = key.public_key().public_numbers()
        jwk = {
            "kid": KID, "kty": "RSA", "alg": "RS256", "use": "sig",
            "e": encode(numbers.e.to_bytes(3, "big")), "n": encode(numbers.n.to_bytes(256, "big")),
        }
        self._write("certs.json", json.dumps({"keys": [jwk]}))
        one = sign(key, claims())
        self._write("one", one + "\n")
        self._write("many", "\n".join(self._signed(pem, 0, 10_000)) + "\n")
        self._write("broken", "\n".join(_broken(one, number) for number in range(10_000)) + "\n")

    def _signed(self, pem, first, end):
        parts = [range(start, start + 500) for start in range(first, end, 500)]
        with ProcessPoolExecutor(initializer=_load, initargs=(pem,)) as pool:
            return [assertion for part in pool.map(_many, parts) for assertion in part]

    def _write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
