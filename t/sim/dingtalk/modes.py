# SPDX-License-Identifier: Apache-2.0
"""The ways to misbehave: what a network and a busy DingTalk can do to a reply.

Each docstring names the parameters of its mode; any rule may add those of faults.py.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any, Awaitable, Callable

from aiohttp import web

from .reply import Reply, oapi_error

Answer = Callable[[], Reply]
CHUNK = b"x" * 65536
BAN_PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>Access denied</title></head>
<body><h1>亲，访问被拒绝</h1><p>Sorry, your request has been blocked. uuid: 0123456789abcdef</p>
</body></html>"""
BAN_JSON = {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "0123456789abcdef"}
SHAPES = {
    "array": b"[]", "null": b"null", "number": b"42", "string": b'"ok"', "true": b"true",
    "object": b"{}", "deep": b"[" * 200_000, "deep_object": b'{"a":' * 200_000,
    "big_number": b'{"errcode":' + b"9" * 5000 + b"}",
}


@dataclass
class Hit:
    """One request that a rule has fallen upon."""

    params: dict[str, Any]  # of the rule
    host: Any
    request: web.Request
    entry: dict[str, Any]  # in the call log
    answer: Answer  # runs the call as if nothing were wrong

    def param(self, name: str, default: Any = None) -> Any:
        return self.params.get(name, default)

    def reply(self, status: int, body: bytes | str, content_type: str | None = None,
              **more: Any) -> web.Response:
        if isinstance(body, str):
            body = body.encode("utf-8", "surrogateescape")
        reply = Reply(self.param("status", status), body, **more)
        reply.content_type = self.param("content_type", content_type or reply.content_type)
        reply.headers.update(self.param("headers", {}))
        self.entry.update(status=reply.status, code=reply.code)
        return reply.send()

    def hang_up(self, hard: bool) -> web.Response:
        """Close the connection under the caller; a hard close sends RST."""
        transport = self.request.transport
        if transport is not None:
            if hard:
                linger = struct.pack("ii", 1, 0)
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                transport.abort()
            else:
                transport.close()
        self.entry.update(status=None)
        return web.Response()  # never arrives

    async def stream(self, length: int | None, pieces: Any, status: int = 200) -> Any:
        """Send piece by piece and stop quietly when the caller has gone."""
        self.entry.update(status=status)
        response = web.StreamResponse(status=status, headers={
            "Content-Type": self.param("content_type", "application/json;charset=UTF-8")})
        if length is None:
            response.enable_chunked_encoding()
        else:
            response.content_length = length
        try:
            await response.prepare(self.request)
            async for piece in pieces:
                await response.write(piece)
        except ConnectionError:
            pass
        return response


# -- the modes ----------------------------------------------------------------------------------

async def delay(hit: Hit) -> Any:
    """seconds: answer correctly, but late."""
    return hit.answer().send()


async def reset(hit: Hit) -> Any:
    """RST instead of an answer."""
    return hit.hang_up(hard=True)


async def close(hit: Hit) -> Any:
    """The connection is closed instead of an answer."""
    return hit.hang_up(hard=False)


async def close_half(hit: Hit) -> Any:
    """All headers, half of the body, then the connection is closed."""
    reply = hit.answer()

    async def half() -> Any:
        yield reply.body[:len(reply.body) // 2]

    response = await hit.stream(len(reply.body), half(), reply.status)
    if hit.request.transport is not None:
        hit.request.transport.close()
    return response


async def stop(hit: Hit) -> Any:
    """part (0.5): all headers, so much of the body, and then "then" (silence): or reset, or close.

    more (0): so many bytes that Content-Length has too many.
    """
    reply = hit.answer()
    transport = hit.request.transport
    end = hit.param("then", "silence")

    async def part() -> Any:
        yield reply.body[:int(len(reply.body) * hit.param("part", 0.5))]
        while end == "silence" and transport is not None and not transport.is_closing():
            await asyncio.sleep(0.05)

    response = await hit.stream(len(reply.body) + hit.param("more", 0), part(), reply.status)
    if end == "silence" or transport is None:
        return response
    hit.hang_up(hard=end == "reset")
    return response


async def twice(hit: Hit) -> Any:
    """key, value, last (false): the right answer, with this member before or behind its own."""
    reply = hit.answer()
    member = json.dumps({hit.param("key"): hit.param("value")}).encode()[1:-1]
    inner = reply.body.strip()[1:-1]
    reply.body = b"{" + b",".join((inner, member) if hit.param("last") else (member, inner)) + b"}"
    return reply.send()


async def drip(hit: Hit) -> Any:
    """interval (0.2): the right body, one byte every so many seconds."""
    reply = hit.answer()

    async def bytewise() -> Any:
        for value in reply.body:
            yield bytes([value])
            await asyncio.sleep(hit.param("interval", 0.2))

    return await hit.stream(len(reply.body), bytewise(), reply.status)


async def status(hit: Hit) -> Any:
    """status (500), body, content_type, headers: any answer at all."""
    return hit.reply(500, hit.param("body", ""), "text/html")


async def errcode(hit: Hit) -> Any:
    """errcode, errmsg, wrap, sub_code: an error of oapi; wrap puts errcode into an 88.

    {"errcode": 88, "sub_code": ""} is what a timeout of DingTalk's own authorisation looks like.
    """
    number = hit.param("errcode", -1)
    payload = oapi_error(number, hit.param("errmsg", "系统繁忙"), bool(hit.param("wrap")))
    if hit.param("sub_code") is not None:
        payload.update(sub_code=hit.param("sub_code"), sub_msg=payload["errmsg"])
    return hit.reply(200, hit.host.encode_payload(payload), code=number)


async def code(hit: Hit) -> Any:
    """code, message, detail, status: an error by its name, as api or the SMS gateway says it."""
    reply = hit.host.named_error(hit.param("code", "unknownError"),
                                 hit.param("message", "未知错误"), hit.param("detail"))
    return hit.reply(reply.status, reply.body, headers=reply.headers, code=reply.code)


async def busy(hit: Hit) -> Any:
    """The host's own word for busy: errcode -1, 503 serviceBusy, RequestLimitExceeded, …"""
    reply = hit.host.busy()
    return hit.reply(reply.status, reply.body, headers=reply.headers, code=reply.code)


async def html_ban(hit: Hit) -> Any:
    """The HTML page that comes instead of JSON when an address is banned."""
    return hit.reply(200, BAN_PAGE, "text/html;charset=utf-8")


async def ban_json(hit: Hit) -> Any:
    """The JSON of another product that comes when an address is banned."""
    return hit.reply(200, json.dumps(BAN_JSON))


async def not_json(hit: Hit) -> Any:
    """body: JSON by its content type only."""
    return hit.reply(200, hit.param("body", '{"errcode":0,"result":'))


async def wrong_type(hit: Hit) -> Any:
    """shape (array): valid or absurd JSON of the wrong shape; see SHAPES."""
    return hit.reply(200, SHAPES[hit.param("shape", "array")])


async def empty(hit: Hit) -> Any:
    """Status 200 and no body."""
    return hit.reply(200, b"")


async def edit(hit: Hit) -> Any:
    """set {"result.userid": 5}, remove ["result.name"], ascii: the right answer, changed.

    ascii writes \\uXXXX; without it a lone surrogate becomes bytes that are not UTF-8.
    """
    reply = hit.answer()
    payload = json.loads(reply.body)
    for path, value in hit.param("set", {}).items():
        *parents, last = path.split(".")
        target = payload
        for name in parents:
            target = target.setdefault(name, {})
        target[last] = value
    for path in hit.param("remove", []):
        *parents, last = path.split(".")
        target = payload
        for name in parents:
            target = target.get(name, {})
        target.pop(last, None)
    text = json.dumps(payload, ensure_ascii=bool(hit.param("ascii")))
    reply.body = text.encode("utf-8", "surrogatepass")
    return reply.send()


async def huge(hit: Hit) -> Any:
    """bytes (100 MiB), chunked (true): the right beginning, and then no end."""
    total = hit.param("bytes", 100 << 20)
    begin = b'{"errcode":0,"errmsg":"ok","pad":"'

    async def flood() -> Any:
        yield begin
        for _ in range((total - len(begin)) // len(CHUNK)):
            yield CHUNK
        yield CHUNK[:(total - len(begin)) % len(CHUNK)]

    return await hit.stream(None if hit.param("chunked", True) else total, flood())


MODES: dict[str, Callable[[Hit], Awaitable[Any]]] = {mode.__name__: mode for mode in (
    delay, reset, close, close_half, stop, twice, drip, status, errcode, code, busy, html_ban,
    ban_json, not_json, wrong_type, empty, edit, huge)}
