# SPDX-License-Identifier: Apache-2.0
"""Answers before they are sent: their bytes, and the two shapes DingTalk's errors have."""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Reply:
    """An answer not yet sent, so that a fault can still spoil it."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    code: int | str | None = None  # DingTalk's error, for the log

    def all_headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, **self.headers}

    def send(self) -> web.Response:
        return web.Response(status=self.status, body=self.body, headers=self.all_headers())


def oapi_error(errcode: int, errmsg: str, wrap: bool) -> dict[str, Any]:
    """An error of the old API; authorisation failures come wrapped in 88."""
    payload: dict[str, Any] = {"errcode": errcode, "errmsg": errmsg}
    if wrap:
        payload = {"errcode": 88, "sub_code": str(errcode), "sub_msg": errmsg,
                   "errmsg": f"ding talk error[subcode={errcode},submsg={errmsg}]"}
    payload["request_id"] = oapi_request_id()
    return payload


def oapi_request_id() -> str:
    return secrets.token_hex(6) + "x"


_CAPITALS = {"requestid": "RequestId", "code": "Code", "message": "Message",
             "accessdenieddetail": "AccessDeniedDetail"}


def api_error(code: str, message: str, detail: dict | None = None,
              capital: bool = False) -> tuple[dict[str, Any], dict[str, str]]:
    """An error of the new API and its headers; both name the same request."""
    headers = api_headers()
    payload = {"requestid": headers["x-acs-request-id"], "code": code, "message": message}
    if detail is not None:
        payload["accessdenieddetail"] = detail
    if capital:
        payload = {_CAPITALS[key]: value for key, value in payload.items()}
    return payload, headers


def api_headers() -> dict[str, str]:
    return {"Server": "DingTalk/1.0.0", "x-acs-request-id": str(uuid.uuid4()).upper(),
            "x-acs-trace-id": uuid.uuid4().hex}


def stringified(value: Any) -> Any:
    """A reply as the documentation's samples print it: no types but string and object."""
    if isinstance(value, dict):
        return {key: stringified(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and isinstance(value[0], dict):
            return stringified(value[0])  # the samples show arrays of objects as one object
        return json.dumps(value, separators=(",", ":"))
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return value
