#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small OpenID provider for mod_auth_openidc: everybody is signed in without being asked.

usage: provider.py

It listens on a free port of loopback and prints one line of JSON, with its address and the
credentials of its only client. `GET /calls` says how often httpd has asked it so far.
"""

import base64
import json
import secrets
import signal
import socket
import sys
import time
from urllib.parse import urlencode

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT = "bench"
KEY_ID = "key-1"
LIFETIME = 3600
SECONDS = 600  # it ends by itself after that
PERSON = {"sub": "zhangsan", "preferred_username": "zhangsan", "name": "张三"}


def encoded(data):
    """Base64url without padding, of bytes or of what becomes JSON."""
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """Authorisation codes, the key, and how often each path was asked for by httpd."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.secret = secrets.token_urlsafe(24)
        self.codes = {}  # code → (redirect_uri, nonce)
        self.calls = {}
        self.issuer = None

    def application(self):
        """The routes."""
        app = web.Application()
        app.add_routes([
            web.get("/.well-known/openid-configuration", self.discovery),
            web.get("/authorize", self.authorise), web.post("/token", self.token),
            web.get("/jwks", self.jwks),
            web.get("/calls", lambda _: web.json_response(self.calls))])
        return app

    def _count(self, request):
        self.calls[request.path] = self.calls.get(request.path, 0) + 1

    async def discovery(self, request):
        """What the provider can do."""
        self._count(request)
        return web.json_response({
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"]})

    async def authorise(self, request):
        """The browser comes: send it back at once, with a code."""
        query = request.query
        if query["client_id"] != CLIENT or query["response_type"] != "code":
            return web.Response(status=400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = (query["redirect_uri"], query.get("nonce"))
        back = urlencode({"code": code, "state": query["state"]})
        return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    async def token(self, request):
        """httpd comes with the code: the tokens, once."""
        self._count(request)
        expected = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        form = await request.post()
        address, nonce = self.codes.pop(form.get("code"), (None, None))
        if (request.headers.get("Authorization") != f"Basic {expected}"
                or address is None or form.get("redirect_uri") != address):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({
            "access_token": secrets.token_urlsafe(24), "token_type": "Bearer",
            "expires_in": LIFETIME, "id_token": self.id_token(nonce)})

    def id_token(self, nonce):
        """Who it is, signed."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + LIFETIME, **PERSON}
        if nonce:
            claims["nonce"] = nonce
        text = f"{encoded({'alg': 'RS256', 'kid': KEY_ID})}.{encoded(claims)}"
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{encoded(signature)}"

    async def jwks(self, request):
        """The public key."""
        self._count(request)
        numbers = self.key.public_key().public_numbers()
        return web.json_response({"keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": encoded(numbers.n.to_bytes(256, "big")),
            "e": encoded(numbers.e.to_bytes(3, "big"))}]})

    async def say(self, app):
        """Tell who started us where we are."""
        self.issuer = f"http://127.0.0.1:{app['socket'].getsockname()[1]}"
        print(json.dumps({"issuer": self.issuer, "client": CLIENT, "secret": self.secret}),
              flush=True)


def main():
    """Serve until a signal or until the time is over."""
    if len(sys.argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    listening = socket.create_server(("127.0.0.1", 0))
    provider = Provider()
    app = provider.application()
    app["socket"] = listening
    app.on_startup.append(provider.say)
    signal.alarm(SECONDS)
    web.run_app(app, sock=listening, print=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
