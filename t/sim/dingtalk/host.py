# SPDX-License-Identifier: Apache-2.0
"""The way of every call through a host: log, fault, gate, handler, reply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, Iterator

from aiohttp import web

from .reply import Reply, api_error, stringified
from .world import World

LOOPBACK_CALLER = "127.0.0.1"  # the address DingTalk names when it refuses an egress IP


@dataclass(frozen=True)
class Call:
    """One documented call. `name` is its short name in the log and in /_sim/misbehave."""

    name: str
    method: str
    path: str
    token: str | None = None  # None, "app" or "user"
    permission: str | None = None


def call(name: str, method: str, path: str, **needs: str) -> Callable:
    """Mark a method of a host as the answer to one documented call."""

    def mark(handler: Callable) -> Callable:
        handler.call = Call(name, method, path, **needs)
        return handler

    return mark


@dataclass
class Visit:
    """A request that has passed the gate."""

    request: web.Request
    body: dict[str, Any] = field(default_factory=dict)
    grant: Any = None  # of the user token, where one was asked for


class DingTalkError(Exception):
    """A call was refused; the host's language says how that looks."""


class Host:
    """What the hosts have in common; a host adds its calls and its language of errors."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> Iterator[web.RouteDef]:
        # In the order of the class body: what is special stands before what is general.
        for name, function in vars(type(self)).items():
            if hasattr(function, "call"):
                # All methods: a wrong one is DingTalk's error, not aiohttp's 405.
                what, handler = function.call, getattr(self, name)
                self.world.call_names.add(what.name)
                yield web.route("*", what.path, partial(self.serve, what, handler))

    async def serve(self, what: Call, handler: Callable,
                    request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        entry = self.world.log.open(what.name, request, raw)

        def answer() -> Reply:
            reply = self.answer(what, handler, request, raw)
            entry.update(status=reply.status, code=reply.code)
            return reply

        rule = self.world.faults.take(what.name)
        if rule is None:
            return answer().send()
        entry["fault"] = rule.mode
        return await rule.play(self, request, entry, answer)

    def answer(self, what: Call, handler: Callable, request: web.Request, raw: bytes) -> Reply:
        try:
            return self.encode(handler(self.gate(what, request, raw)))
        except DingTalkError as error:
            return self.encode_error(error, what)

    def gate(self, what: Call, request: web.Request, raw: bytes) -> Visit:
        """What stands before every call, in either language."""
        settings = self.world.settings
        if what.method not in ("*", request.method):
            self.refuse("method", what.method)
        if not settings.ip_allowed and (what.token or settings.ip_covers_tokens):
            self.refuse("ip", LOOPBACK_CALLER)
        grant = self.check_token(what, request) if what.token else None
        if self.world.too_fast(what.name):
            self.refuse("qps")
        if not self.world.granted(what.permission):
            self.refuse("permission", what.permission)
        body = self.read_body(request, raw) if what.method == "POST" else {}
        return Visit(request, body, grant)

    def check_token(self, what: Call, request: web.Request) -> Any:
        token, vault = self.find_token(request), self.world.vault
        if not token:
            self.refuse("token missing")
        grant = None
        if what.token == "user":
            grant, good = vault.user_token(token)
            known = grant is not None
        else:
            known, good = vault.app_token(token)
        if not known:
            self.refuse("token unknown")
        if not good:
            self.refuse("token expired", what.token)
        return grant

    def read_body(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        if request.content_type != "application/json" or not raw.strip():
            self.refuse("content type")
        try:
            body = json.loads(raw)
        except ValueError:
            self.refuse("json")
        if not isinstance(body, dict):
            self.refuse("json")
        return body

    def encode_payload(self, payload: Any) -> bytes:
        if self.world.settings.stringified:
            payload = stringified(payload)
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")

    def named_error(self, code: str, message: str, detail: dict | None = None) -> Reply:
        """An error that has a name instead of a number; as api says it unless a host differs."""
        payload, headers = api_error(code, message, detail, self.world.settings.capital_keys)
        return Reply(400, self.encode_payload(payload), headers=headers, code=code)

    # -- the language of a host -----------------------------------------------------------------

    def refuse(self, reason: str, detail: str | None = None) -> None:
        """Raise the DingTalkError this host has for a reason."""
        raise NotImplementedError

    def find_token(self, request: web.Request) -> str | None:
        raise NotImplementedError

    def encode(self, payload: Any) -> Reply:
        raise NotImplementedError

    def encode_error(self, error: Any, what: Call) -> Reply:
        raise NotImplementedError

    def busy(self) -> Reply:
        raise NotImplementedError
