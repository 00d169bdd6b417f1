"""Mints assertions with all kinds of groups and claims, signed by `cryptography`, and says what it reads of each itself.

    mint.py KEY_ID ISSUER AUDIENCE < private-key.pem

One line of JSON for each: {"assertion": …, "groups": [...], "country": [...], "department": text or null}. Groups stand at `custom.groups`.
With it goes an answer of the identity endpoint: "identity" is its body, "about" the person whom it is about (own, other, or null for what is no answer),
"identity_groups" and "identity_country" what it has of the person; null for what it does not have.
"""

import base64
import json
import random
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

KEY_ID, ISSUER, AUDIENCE = sys.argv[1:]
KEY = serialization.load_pem_private_key(sys.stdin.buffer.read(), None)
NAMES = ["engineering", "engineering", "team-b", "Engineering", "team-a", "team-", "team", "sales", "", "größe", "a,b", "x" * 300, "suspended", "tab\there", "nul\0"]
COUNTRIES = ["DE", "AT", "DE", "AT", "FR", "de", ""]


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def jwt(claims):
    header = encoded(json.dumps({"alg": "RS256", "kid": KEY_ID}).encode())
    # Access escapes what is no ASCII, others do not.
    text = json.dumps(claims, ensure_ascii=random.random() < 0.5)
    signed = header + b"." + encoded(text.encode())
    return (signed + b"." + encoded(KEY.sign(signed, padding.PKCS1v15(), hashes.SHA256()))).decode()


def is_text(value):
    return isinstance(value, str) and value != "" and not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in value)


def texts(value, of_groups):
    found = []
    for one in value if isinstance(value, list) else [value]:
        if of_groups and isinstance(one, dict):
            one = one["name"] if is_text(one.get("name")) else one.get("email")
        if is_text(one):
            found.append(one)
    return found


def at(claims, *path):
    for name in path:
        claims = claims.get(name) if isinstance(claims, dict) else None
    return claims


def group():
    name = random.choice(NAMES)
    return random.choice([name, name, name, {"name": name, "id": "1"}, {"email": name}, {"id": name}, None, 7, [name]])


def identity(email, subject):
    """A body, whom it is about, its groups and its country."""
    body = {"email": random.choice([email] * 24 + [email.upper(), "root@elsewhere.example", None, [email], email + " "])}
    about = "own" if isinstance(body["email"], str) and body["email"].lower() == email else "other"
    if random.random() < 0.3:
        body["sub"] = random.choice([subject] * 6 + ["another", None, ""])
        about = about if body["sub"] == subject else "other"
    if random.random() < 0.1:
        del body["email"]
        about = "other"
    places = [("custom",), ("oidc_fields",), ("saml_attributes",), ()]
    found = None
    for place in random.sample(places, random.randrange(4)):
        inner = body
        for name in place:
            inner = inner.setdefault(name, {})
        inner["groups"] = random.choice([[group() for _ in range(random.randrange(1, 6))]] * 6 + [group(), {}, None, []])
    for place in places:
        inner = at(body, *place)
        if isinstance(inner, dict) and "groups" in inner:
            found = texts(inner["groups"], True)
            break
    if random.random() < 0.3:
        body["country"] = random.choice(COUNTRIES + [COUNTRIES[:2], None, {}])
    text = json.dumps(body, ensure_ascii=random.random() < 0.5)
    spoilt = random.random()
    if spoilt < 0.05:
        text, about = '{"email":"root@elsewhere.example",' + text[1:] if "email" in body else text + "]", None
    elif spoilt < 0.1:
        text, about = random.choice([text[:-1], "", "null", "[" + text + "]", "\ufeff" + text, text + "{}"]), None
    return text, about, found, texts(body["country"], False) if "country" in body else None


random.seed(17)
for number in range(150):
    now = int(time.time())
    groups = random.choice([[group() for _ in range(random.randrange(4))], group(), {}, None])
    claims = {"aud": [AUDIENCE], "email": f"person{number}@elsewhere.example", "iss": ISSUER, "type": "app", "iat": now, "nbf": now, "exp": now + 3600,
              "sub": f"sub-{number}", "custom": {"groups": groups, "department": random.choice(["sales", "sales east", ["a", "b"], ["a,b", "c"], " x", 7, None])}}
    if random.random() < 0.8:
        claims["country"] = random.choice(COUNTRIES + [COUNTRIES[:2]])
    if random.random() < 0.1:
        claims["custom"] = random.choice([[], "text", None])
    department = texts(at(claims, "custom", "department"), False)
    clear = all(one == one.strip(" ") and (len(department) == 1 or "," not in one) for one in department)
    body, about, identity_groups, identity_country = identity(claims["email"], claims["sub"])
    print(json.dumps({
        "identity": body,
        "about": about,
        "identity_groups": identity_groups,
        "identity_country": identity_country,
        "assertion": jwt(claims),
        "groups": texts(at(claims, "custom", "groups"), True),
        "country": texts(claims.get("country"), False),
        "department": ",".join(department) if department and clear else None,
    }))
