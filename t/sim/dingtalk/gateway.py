# SPDX-License-Identifier: Apache-2.0
"""Any SMS gateway an administrator may have: every request is searched for a message."""

from __future__ import annotations

import json
import re
from typing import Any, Iterator
from urllib.parse import parse_qsl

from aiohttp import web

from .host import Call, Host, Visit, call
from .inbox import abroad, mainland
from .reply import Reply

PREFIX = "/gateway"
SENDERS = ("from", "sender")  # fields with a number that gets no message
Field = tuple[str, str]  # the nearest name, and the text
CODE = re.compile(r"(?<![0-9A-Za-z])[0-9]{4,10}(?![0-9A-Za-z])")


class Gateway(Host):
    """The answer is {"code":0,"msg":"ok"}; order another one with the fault "status".

    A fault with "processed": true lets the message arrive before that answer.
    """

    @call("gateway_sms", "*", PREFIX + "{rest:(?:/.*)?}")
    def send(self, visit: Visit) -> dict[str, Any]:
        fields = visit.body["fields"]
        phone = next((_phone(text) for name, text in fields
                      if _phone(text) and name.lower() not in SENDERS), None)
        others = [(name, text) for name, text in fields if _phone(text) is None]
        if phone:
            text = max((text for _, text in others), key=len, default="")
            self.world.inbox.deliver("gateway", phone, text, _code(others), params=dict(fields),
                                     id=_named(others, "id"))
        return {"code": 0, "msg": "ok"}

    # -- the language ---------------------------------------------------------------------------

    def gate(self, what: Call, request: web.Request, raw: bytes) -> Visit:
        return Visit(request, {"fields": list(_fields(request, raw))})

    def encode(self, payload: dict[str, Any]) -> Reply:
        return Reply(200, self.encode_payload(payload))

    def busy(self) -> Reply:
        return Reply(503, self.encode_payload({"code": "busy", "msg": "busy"}), code="busy")

    def named_error(self, code: str, message: str, detail: dict | None = None) -> Reply:
        return Reply(200, self.encode_payload({"code": code, "msg": message}), code=code)


def _fields(request: web.Request, raw: bytes) -> Iterator[Field]:
    """Every text in the query and in the body, whatever its form."""
    yield from request.query.items()
    text = raw.decode("utf-8", "replace")
    if request.content_type == "application/x-www-form-urlencoded":
        yield from parse_qsl(text)
    elif request.content_type == "application/json":
        try:
            yield from _leaves("", json.loads(text))
        except ValueError:
            yield "", text
    elif text:
        yield "", text


def _leaves(name: str, value: Any) -> Iterator[Field]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(key, item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(name, item)
    else:
        yield name, str(value)


def _phone(text: str) -> str | None:
    """The number, if this text is nothing else. Digits alone are long enough to be no code."""
    digits = text[1:] if text.startswith("+") else text
    return mainland(text) or (abroad(digits) if len(digits) > 10 or digits != text else None)


def _named(fields: list[Field], ending: str) -> str | None:
    return next((text for name, text in fields if name.lower().endswith(ending)), None)


def _code(fields: list[Field]) -> str | None:
    """The text of a field called code, else the first number that looks like one."""
    found = _named(fields, "code")
    return found or next((m[0] for m in (CODE.search(text) for _, text in fields) if m), None)
