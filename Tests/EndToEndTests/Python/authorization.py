"""An authorization server made with authlib, and an API that takes its access tokens: short-lived tokens by client credentials and by refresh tokens that
rotate, where showing an old one ends its family (RFC 9700 section 4.14.2), and revocation (RFC 7009). People consent to codes, with PKCE (RFC 7636), for
clients that may register themselves (RFC 7591); its documents (RFC 9728, RFC 8414) lead to it, its answers name it (RFC 9207), and it says who somebody is.
Beside them a stand-in for GitHub's API for Apps, written from its published description.

Arguments: the lifetime of an access token in seconds, and the file of the app's public key.
Prints {"port": 12345} when it listens. Ends on SIGTERM, and when stdin closes.

/authorize leads to a page of another origin, as sign-in pages are, on which "Allow" and "Deny" are pressed.
/_grant gives a first refresh token, as somebody's consent would. /_asked lists what was asked of the token endpoint. /_state sets `down` (answers 503), `hold`
(the next answer is kept back once it is made), `revoked` (no access token is taken that was given before now).
"""

import json
import secrets
import sys
import threading
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from parent import end_with_parent

LIFETIME = int(sys.argv[1])
APP_KEY = RSAKey.import_key(open(sys.argv[2]).read()) if len(sys.argv) > 2 else None
SECRET = "s3cret:with/odd characters"
METHODS = ["client_secret_basic", "client_secret_post"]
PERSON = "ada@vendor.example"

app = Flask("authorization")
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {
    kind: LIFETIME for kind in ("client_credentials", "refresh_token", "authorization_code")
}
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
lock = threading.RLock()
tokens = []
codes = []
# What the API was shown.
seen = []
asked = []
state = {"down": False, "hold": False, "revoked_before": 0.0, "issuer": None}
released = threading.Event()


class Client(ClientMixin):
    def __init__(self, name, secret=SECRET, redirects=()):
        self.client_id = name
        self.secret = secret
        self.redirects = redirects

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return ""

    def get_allowed_scope(self, scope):
        return scope or ""

    def check_redirect_uri(self, uri):
        return uri in self.redirects

    def check_client_secret(self, secret):
        return secrets.compare_digest(secret, self.secret)

    def check_endpoint_auth_method(self, method, endpoint):
        return method in METHODS

    def check_response_type(self, kind):
        return kind == "code"

    def check_grant_type(self, kind):
        return kind in ("client_credentials", "refresh_token", "authorization_code")


clients = {"gatehouse": Client("gatehouse")}


class Token(TokenMixin):
    def __init__(self, client, access=None, refresh=None, scope="", family=None):
        self.client = client
        self.access = access
        self.refresh = refresh
        self.scope = scope
        self.family = family or secrets.token_hex(8)
        self.issued_at = time.time()
        self.is_used = False
        self.is_over = False

    def check_client(self, client):
        return client.client_id == self.client.client_id

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return LIFETIME

    def is_expired(self):
        return time.time() > self.issued_at + LIFETIME

    def is_revoked(self):
        return self.is_over

    def get_user(self):
        return "david"

    def get_client(self):
        return self.client


def end_family(family):
    for token in tokens:
        if token.family == family:
            token.is_over = True


class Code:
    def __init__(self, text, request):
        self.text = text
        self.client_id = request.client.client_id
        self.redirect_uri = request.payload.redirect_uri
        self.scope = request.payload.scope or ""
        self.code_challenge = request.payload.data.get("code_challenge")
        self.code_challenge_method = request.payload.data.get("code_challenge_method")
        self.resource = request.payload.data.get("resource")

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, text, request):
        if not request.payload.data.get("code_challenge_method") == "S256":
            raise ValueError("no S256")
        with lock:
            codes.append(Code(text, request))

    def query_authorization_code(self, text, client):
        with lock:
            return next((code for code in codes if code.text == text and code.client_id == client.client_id), None)

    def delete_authorization_code(self, code):
        with lock:
            codes.remove(code)

    def authenticate_user(self, code):
        return PERSON if code.resource == request.form.get("resource") else None


class Registration(ClientRegistrationEndpoint):
    def authenticate_token(self, request):
        return "anybody"

    def get_server_metadata(self):
        return metadata()

    def save_client(self, info, metadata, request):
        with lock:
            client = Client(info["client_id"], info["client_secret"], metadata["redirect_uris"])
            clients[client.client_id] = client
        return client


class Issuer(IssuerParameter):
    def get_issuer(self):
        return state["issuer"] or issuer()


class RefreshTokenGrant(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, text):
        with lock:
            token = next((token for token in tokens if token.refresh == text), None)
            if token is None or token.is_over:
                return None
            if token.is_used:
                end_family(token.family)
                return None
            return token

    def authenticate_user(self, token):
        return token.get_user()

    def revoke_old_credential(self, token):
        token.is_used = True


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, text, hint):
        return next((token for token in tokens if text in (token.access, token.refresh)), None)

    def revoke_token(self, token, request):
        end_family(token.family)


def save(token, request):
    with lock:
        old = getattr(request, "refresh_token", None)
        tokens.append(Token(
            request.client, token["access_token"], token.get("refresh_token"), token.get("scope", ""),
            old.family if old is not None else None,
        ))


server = AuthorizationServer(
    app, query_client=clients.get, save_token=save
)
server.register_grant(AuthorizationCodeGrant, [CodeChallenge(required=True)])
server.register_extension(Issuer())
server.register_endpoint(Registration)
server.register_grant(RefreshTokenGrant)
server.register_grant(ClientCredentialsGrant)
server.register_endpoint(Revocation)


def note(kind, status):
    with lock:
        asked.append({"kind": kind, "status": status, "at": time.time()})


def answered(kind, response):
    """What the server has made up its mind about may still not arrive."""
    note(kind, response.status_code)
    if state["hold"]:
        state["hold"] = False
        released.clear()
        released.wait(60)
    return response


@app.post("/token")
def token():
    if state["down"]:
        note("down", 503)
        return app.response_class("{}", 503)
    return answered(request.form.get("grant_type", ""), app.make_response(server.create_token_response()))


def issuer():
    return f"http://127.0.0.1:{listener.server_port}"


def metadata():
    url = issuer()
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "registration_endpoint": f"{url}/register",
        "revocation_endpoint": f"{url}/revoke",
        "userinfo_endpoint": f"{url}/userinfo",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


@app.get("/.well-known/oauth-protected-resource/api")
def resource_metadata():
    note("resource", 200)
    return jsonify(resource=f"{issuer()}/api", authorization_servers=[issuer()])


@app.get("/.well-known/oauth-authorization-server")
def server_metadata():
    note("metadata", 200)
    return jsonify(metadata())


@app.post("/register")
def register():
    note("register", 201)
    return server.create_endpoint_response(Registration.ENDPOINT_NAME)


@app.get("/authorize")
def authorize():
    # The same server by another name: another origin to a browser.
    return redirect(f"http://localhost:{listener.server_port}/sign-in?{request.query_string.decode()}")


@app.get("/sign-in")
def sign_in():
    query = request.query_string.decode().replace("&", "&amp;")
    buttons = "".join(f"<button name=deed value={word}>{word}</button>" for word in ("Allow", "Deny"))
    return f"<!doctype html><title>Sign in</title><form method=post action='/consent?{query}'>{buttons}</form>"


@app.route("/consent", methods=["GET", "POST"])
def consent():
    grant = server.get_authorization_grant(server.create_oauth2_request(None))
    is_allowed = request.values.get("deed") == "Allow"
    return server.create_authorization_response(grant_user=PERSON if is_allowed else None, grant=grant)


@app.get("/userinfo")
def userinfo():
    text = request.headers.get("Authorization", "").removeprefix("Bearer ")
    with lock:
        if not any(token.access == text and not token.is_over for token in tokens):
            return jsonify(error="invalid_token"), 401
    return jsonify(sub="1", email=PERSON)


@app.post("/revoke")
def revoke():
    note("revoke", 200)
    return server.create_endpoint_response(Revocation.ENDPOINT_NAME)


@app.post("/app/installations/<int:installation>/access_tokens")
def installation_token(installation):
    if state["down"]:
        note("down", 503)
        return app.response_class("{}", 503)
    if request.headers.get("X-GitHub-Api-Version") != "2022-11-28":
        return jsonify(message="Bad request"), 400
    scheme, _, assertion = request.headers.get("Authorization", "").partition(" ")
    try:
        claims = jwt.decode(assertion, APP_KEY, algorithms=["RS256"]).claims
    except Exception:
        note("github", 401)
        return jsonify(message="A JSON web token could not be decoded"), 401
    now = time.time()
    is_good = scheme == "Bearer" and claims["iss"] == "12345" and claims["iat"] <= now < claims["exp"] <= now + 600
    if not is_good:
        note("github", 401)
        return jsonify(message="'Expiration time' claim ('exp') is too far in the future"), 401
    if installation != 678:
        note("github", 404)
        return jsonify(message="Not Found"), 404
    access = "ghs_" + secrets.token_hex(18)
    with lock:
        tokens.append(Token(Client("gatehouse"), access))
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + LIFETIME))
    answer = app.make_response((jsonify(token=access, expires_at=end, permissions={"issues": "write"}), 201))
    return answered("github", answer)


@app.route("/api", methods=["GET", "POST"])
@app.route("/api/", methods=["GET", "POST"])
def api():
    text = request.headers.get("Authorization", "").removeprefix("Bearer ")
    with lock:
        seen.append(text)
        token = next((token for token in tokens if token.access == text), None)
        if token is None or token.is_over or token.is_expired() or token.issued_at < state["revoked_before"]:
            return jsonify(error="invalid_token"), 401
    return jsonify(jsonrpc="2.0", id=1, result={})


@app.post("/_grant")
def grant():
    with lock:
        token = Token(Client("gatehouse"), refresh=secrets.token_hex(24))
        tokens.append(token)
    return token.refresh


@app.get("/_seen")
def shown():
    with lock:
        return jsonify(seen)


@app.get("/_asked")
def log():
    with lock:
        return jsonify(asked)


@app.post("/_state")
def set_state():
    change = request.get_json()
    with lock:
        for name in ("down", "hold", "issuer"):
            if name in change:
                state[name] = change[name]
        if change.get("revoked"):
            state["revoked_before"] = time.time()
    if change.get("release"):
        released.set()
    return ""


listener = make_server("127.0.0.1", 0, app, threaded=True)
end_with_parent()
print(json.dumps({"port": listener.server_port}), flush=True)
listener.serve_forever()
