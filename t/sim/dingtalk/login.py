# SPDX-License-Identifier: Apache-2.0
"""login.dingtalk.com: the scan page, and the way back to the application with a code."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from typing import Any, Iterator, Mapping
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from aiohttp import web

from . import pages
from .host import Call, DingTalkError, Host, Visit, call
from .organisation import Person
from .reply import Reply
from .tokens import Grant
from .world import World

SCOPES = ({"openid"}, {"openid", "corpid"})
HTML = "text/html;charset=utf-8"


class LoginError(DingTalkError):
    """Something DingTalk says on its own page and never to the application."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class LoginRequest:
    """What the application asked for, after all checks."""

    client_id: str
    redirect_uri: str
    state: str | None
    wants_corp: bool
    consented: bool
    corp_id: str | None  # preselected organisation

    @classmethod
    def parse(cls, world: World, query: Mapping[str, str]) -> "LoginRequest":
        if query.get("client_id") != world.app.client_id:
            raise LoginError("900103", "应用不存在 · no such application (client_id)")
        redirect_uri = query.get("redirect_uri", "")
        if not redirect_allowed(world, redirect_uri):
            raise LoginError("50001", "回调地址未注册 · redirect_uri is not registered")
        if query.get("response_type") != "code":
            raise LoginError("400002", "参数错误 · response_type must be code")
        scopes = query.get("scope", "").split(" ")
        if set(scopes) not in SCOPES:
            raise LoginError("400002", "参数错误 · scope must be openid or openid corpid")
        wants_corp = "corpid" in scopes
        return cls(query["client_id"], redirect_uri, query.get("state"), wants_corp,
                   "consent" in query.get("prompt", "").split(" "),
                   query.get("corpId") or None if wants_corp else None)

    def back(self, answer: list[tuple[str, str]]) -> str:
        """redirect_uri with the answer appended to whatever query it already has."""
        if self.state is not None:
            answer = [*answer, ("state", self.state)]
        parts = urlsplit(self.redirect_uri)
        query = "&".join(filter(None, (parts.query, urlencode(answer, quote_via=quote))))
        return urlunsplit(parts._replace(query=query))


def redirect_allowed(world: World, uri: str) -> bool:
    """Scheme and host of a registered address; port and path are not compared, as observed."""
    registered = world.settings.redirect_uris
    if world.settings.strict_redirect:
        return uri in registered
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018  (raises on nonsense)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    if not registered:
        return is_loopback(parts.hostname)
    known = {(item.scheme, item.hostname) for item in map(urlsplit, registered)}
    return (parts.scheme, parts.hostname) in known


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class Scan:
    """A scan page somebody is looking at."""

    request: LoginRequest
    location: str | None = None  # set when the phone has confirmed


class Login(Host):
    """The pages a browser sees. Only /oauth2/auth counts as a call in the log."""

    def routes(self) -> Iterator[web.RouteDef]:
        yield from super().routes()
        yield web.post("/oauth2/confirm/{id}", self.confirm)
        yield web.get("/oauth2/phone/{id}", self.phone)
        yield web.post("/oauth2/phone/{id}", self.phone)
        yield web.get("/oauth2/poll/{id}", self.poll)
        yield web.get("/oauth2/continue/{id}", self.go_on)
        yield web.get("/", self.front)
        yield web.get("/inbox", self.inbox)

    @call("auth", "GET", "/oauth2/auth")
    def auth(self, visit: Visit) -> Reply:
        request = LoginRequest.parse(self.world, visit.request.query)
        key = secrets.token_hex(8)
        self.world.keep_login(key, Scan(request))
        phone_url = f"http://{visit.request.host}/oauth2/phone/{key}"
        page = pages.scan(self.world.organisation, key, phone_url)
        return self._page(200, page)

    # -- what a person does ---------------------------------------------------------------------

    def finish(self, request: LoginRequest, userid: str, corp_id: str | None = None) -> str:
        """This person scans and agrees: the address the browser is sent to."""
        organisation = self.world.organisation
        person = organisation.people.get(userid)
        if person is None:
            raise LoginError("400002", "没有这个人 · no such person")
        corps = organisation.corps_of(person)
        outsider = organisation.corp_id not in corps
        chosen = corp_id or request.corp_id or next(iter(corps), None)
        if (self.world.settings.block_outsiders and outsider) or (
                (corp_id or request.corp_id) and chosen not in corps):
            raise LoginError("11055", "操作失败，你不在组织内 · you are not in the organisation")
        code = self.world.vault.issue_code(Grant(
            request.client_id, userid, chosen if request.wants_corp else None, request.consented))
        names = ("code", "authCode")
        style = self.world.settings.callback_style
        return request.back([(name, code) for name in names if style in ("both", name)])

    def deny(self, request: LoginRequest) -> str:
        return request.back([("error", self.world.settings.deny_error)])

    def must_choose(self, request: LoginRequest, person: Person | None) -> bool:
        return (person is not None and request.wants_corp and request.corp_id is None
                and len(self.world.organisation.corps_of(person)) > 1)

    def scan(self, query: Mapping[str, str], order: Mapping[str, Any]) -> str:
        """The whole page in one step, for tests without a browser."""
        request = LoginRequest.parse(self.world, query)
        if order.get("deny"):
            return self.deny(request)
        return self.finish(request, order.get("userid", ""), order.get("corp_id"))

    # -- pages after the first ------------------------------------------------------------------

    async def confirm(self, web_request: web.Request) -> web.Response:
        return await self._decide(web_request, on_phone=False)

    async def phone(self, web_request: web.Request) -> web.Response:
        if web_request.method == "POST":
            return await self._decide(web_request, on_phone=True)
        return _html(pages.phone(self.world.organisation, web_request.match_info["id"]))

    async def _decide(self, web_request: web.Request, on_phone: bool) -> web.Response:
        form = await web_request.post()
        organisation = self.world.organisation
        try:
            scan = self._scan(web_request)
            userid, corp_id = str(form.get("userid", "")), str(form.get("corp", "")) or None
            if "deny" in form:
                location = self.deny(scan.request)
            elif not corp_id and self.must_choose(scan.request, organisation.people.get(userid)):
                return _html(pages.choose(organisation, web_request.path, userid))
            else:
                location = self.finish(scan.request, userid, corp_id)
        except LoginError as error:
            return self.encode_error(error, self.auth.call).send()
        if on_phone:
            scan.location = location
            return _html(pages.phone_done())
        return web.Response(status=302, headers={"Location": location})

    async def poll(self, web_request: web.Request) -> web.Response:
        scan = self.world.logins.get(web_request.match_info["id"])
        return web.json_response({"done": bool(scan and scan.location)})

    async def go_on(self, web_request: web.Request) -> web.Response:
        try:
            location = self._scan(web_request).location
            if location is None:
                raise LoginError("", "请先在手机上确认 · confirm on the phone first")
        except LoginError as error:
            return self.encode_error(error, self.auth.call).send()
        return web.Response(status=302, headers={"Location": location})

    def _scan(self, web_request: web.Request) -> Scan:
        scan = self.world.logins.get(web_request.match_info["id"])
        if scan is None:
            raise LoginError("", "二维码已失效，请重新登录 · this QR code has expired")
        return scan

    async def front(self, web_request: web.Request) -> web.Response:
        return _html(pages.front())

    async def inbox(self, web_request: web.Request) -> web.Response:
        return _html(pages.inbox(self.world.inbox))

    # -- the language ---------------------------------------------------------------------------

    def gate(self, what: Call, request: web.Request, raw: bytes) -> Visit:
        if request.method != what.method:
            self.refuse("method", what.method)
        return Visit(request)

    def refuse(self, reason: str, detail: str | None = None) -> None:
        raise LoginError("400002", f"参数错误 · {reason} {detail or ''}")

    def encode(self, payload: Reply) -> Reply:
        return payload

    def encode_error(self, error: LoginError, what: Call) -> Reply:
        page = pages.problem(error.code, error.message)
        return self._page(400, page, error.code or None)

    def busy(self) -> Reply:
        return self._page(503, pages.problem("", "系统繁忙 · busy"))

    @staticmethod
    def _page(status: int, page: str, code: str | None = None) -> Reply:
        return Reply(status, page.encode("utf-8", "replace"), HTML,
                     {"Cache-Control": "no-store"}, code)


def _html(page: str) -> web.Response:
    return Login._page(200, page).send()
