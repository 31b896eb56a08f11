# SPDX-License-Identifier: Apache-2.0
"""The control API, with which tests and demos steer the simulator. JSON in, JSON out.

GET    /_sim/state                 app, settings, faults, userids, tokens alive, counters
POST   /_sim/reset                 everything as it was at start, call log included
GET    /_sim/calls[?full=1]        [{n, call, time, connection, status, code, fault}], full: also
                                   "request" {method, path, query, headers, body}
DELETE /_sim/calls
GET    /_sim/secrets               every code and token handed out, and the client secret
GET    /_sim/people                all, by userid
GET    /_sim/people/{userid}       PUT replaces, PATCH merges, DELETE removes. Keys of a person:
                                   unionid corps contact_type left in_scope note personal member;
                                   PATCH puts any other key into the member record: {"active":
                                   false}; null removes a key
POST   /_sim/scan                  {"userid", "url": address of /oauth2/auth, "corp_id"?, "deny"?}
                                   → {"location"} or {"error", "message"}
POST   /_sim/jsapi_code            {"userid"} → {"code"}: a login-free code for getuserinfo
POST   /_sim/misbehave             one rule or a list of them, see faults.py; GET shows what is
                                   left, DELETE ends it
POST   /_sim/release               who is made to wait by a delay goes on
GET    /_sim/inbox[?phone=E.164]   the text messages that arrived, oldest first: [{n, time, gateway,
                                   phone, text, code, sign, template, params, id}]; id is what
                                   the sender calls it. The page /inbox shows them
DELETE /_sim/inbox
POST   /_sim/expire                {"what": "app_token"|"user_tokens"|"codes", "forget": false}
                                   forget: unknown (40014) instead of timed out (42001)
POST   /_sim/clock                 {"advance": seconds} moves the simulator's clock
POST   /_sim/settings              any of settings.py; GET shows them
POST   /_sim/subscription          {"url", "token", "aes_key", "owner", "automatic"}, see events.py;
                                   GET shows it
POST   /_sim/push                  an event, see events.py → what came of it
GET    /_sim/pushes                all of them
POST   /_sim/failed                one event or a list of them, as ordered from push, onto the list
                                   of failed pushes; GET shows that list, DELETE empties it

Short names of calls: auth userAccessToken users_me users_get accessToken corpToken gettoken
getbyunionid user_get getuserinfo failed_events aliyun_sms tencent_sms gateway_sms; api_unknown,
oapi_unknown, aliyun_unknown, tencent_unknown, unknown: no such path.

A wrong order is answered with 400 {"error": …}, an unknown person with 404.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Awaitable, Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from .faults import Rule
from .login import Login, LoginError
from .organisation import Person
from .tokens import Grant
from .world import World

Handler = Callable[[web.Request], Awaitable[Any]]


class NotFound(Exception):
    pass


class Control:
    def __init__(self, world: World, login: Login) -> None:
        self.world = world
        self.login = login

    def routes(self) -> Iterator[web.RouteDef]:
        for method, path, handler in (
            ("GET", "state", self.state),
            ("POST", "reset", self.reset),
            ("GET", "calls", self.calls),
            ("DELETE", "calls", self.forget_calls),
            ("GET", "secrets", self.secrets),
            ("GET", "people", self.people),
            ("GET", "people/{userid}", self.person),
            ("PUT", "people/{userid}", self.put_person),
            ("PATCH", "people/{userid}", self.patch_person),
            ("DELETE", "people/{userid}", self.delete_person),
            ("POST", "scan", self.scan),
            ("POST", "jsapi_code", self.jsapi_code),
            ("GET", "misbehave", self.faults),
            ("POST", "misbehave", self.misbehave),
            ("DELETE", "misbehave", self.behave),
            ("POST", "release", self.release),
            ("GET", "inbox", self.inbox),
            ("DELETE", "inbox", self.empty_inbox),
            ("POST", "expire", self.expire),
            ("POST", "clock", self.clock),
            ("GET", "settings", self.settings),
            ("POST", "settings", self.change_settings),
            ("GET", "subscription", self.subscription),
            ("POST", "subscription", self.subscribe),
            ("POST", "push", self.push),
            ("GET", "pushes", self.pushes),
            ("GET", "failed", self.failed),
            ("POST", "failed", self.fail),
            ("DELETE", "failed", self.forget_failed),
        ):
            yield web.route(method, f"/_sim/{path}", _json(handler))
        yield web.route("*", "/_sim/{rest:.*}", _json(self.unknown))

    async def unknown(self, request: web.Request) -> Any:
        raise NotFound(f"no control call {request.method} {request.path}")

    async def state(self, request: web.Request) -> Any:
        app, world = self.world.app, self.world
        return {"client_id": app.client_id, "corp_id": app.corp_id, "agent_id": app.agent_id,
                "settings": world.settings.as_dict(), "people": list(world.organisation.people),
                "misbehave": [rule.as_dict() for rule in world.faults.rules],
                "tokens": world.vault.counts(), "calls": len(world.log),
                "connections": world.log.connections, "clock_offset": world.offset}

    async def reset(self, request: web.Request) -> Any:
        self.world.reset()

    async def calls(self, request: web.Request) -> Any:
        return self.world.log.list(full="full" in request.query)

    async def forget_calls(self, request: web.Request) -> Any:
        self.world.log.clear()

    async def secrets(self, request: web.Request) -> Any:
        return {"client_secret": self.world.app.client_secret, "issued": self.world.vault.issued}

    # -- people ---------------------------------------------------------------------------------

    async def people(self, request: web.Request) -> Any:
        return {p.userid: p.as_dict() for p in self.world.organisation.everybody()}

    def _person(self, userid: str) -> Person:
        try:
            return self.world.organisation.people[userid]
        except KeyError:
            raise NotFound(f"no person {userid}") from None

    async def person(self, request: web.Request) -> Any:
        return self._person(request.match_info["userid"]).as_dict()

    async def put_person(self, request: web.Request) -> Any:
        userid = request.match_info["userid"]
        data = {"unionid": f"uNiOnId-{userid}", **await _body(request), "userid": userid}
        person = Person.from_dict(data)
        self.world.organisation.put(person)
        return person.as_dict()

    async def patch_person(self, request: web.Request) -> Any:
        person = self._person(request.match_info["userid"])
        member = self.world.organisation.belongs(person)
        person.patch(await _body(request))
        if member:
            stays = self.world.organisation.belongs(person)
            self.world.events.edited("user_modify_org" if stays else "user_leave_org",
                                     person.userid)
        return person.as_dict()

    async def delete_person(self, request: web.Request) -> Any:
        userid = self._person(request.match_info["userid"]).userid
        del self.world.organisation.people[userid]
        self.world.events.edited("user_leave_org", userid)

    async def scan(self, request: web.Request) -> Any:
        order = await _body(request)
        if not order.get("deny"):
            self._person(str(order.get("userid")))
        url = urlsplit(str(order.get("url", "")))
        if not url.path.endswith("/oauth2/auth"):
            raise ValueError("url is the full address of an /oauth2/auth request")
        entry = self.world.log.open("auth", None)
        query: dict[str, str] = {}
        for name, value in parse_qsl(url.query, keep_blank_values=True):
            query.setdefault(name, value)
        try:
            entry["status"] = 200
            return {"location": self.login.scan(query, order)}
        except LoginError as error:
            entry.update(status=400, code=error.code or None)
            return {"error": error.code, "message": error.message}

    async def jsapi_code(self, request: web.Request) -> Any:
        userid = self._person(str((await _body(request)).get("userid"))).userid
        app = self.world.app
        grant = Grant(app.client_id, userid, app.corp_id, True)
        return {"code": self.world.vault.issue_login_free_code(grant)}

    async def inbox(self, request: web.Request) -> Any:
        return self.world.inbox.list(request.query.get("phone"))

    async def empty_inbox(self, request: web.Request) -> Any:
        self.world.inbox.clear()

    # -- weather --------------------------------------------------------------------------------

    async def faults(self, request: web.Request) -> Any:
        return [rule.as_dict() for rule in self.world.faults.rules]

    async def misbehave(self, request: web.Request) -> Any:
        orders = await _body(request, list)
        rules = [Rule.from_dict(order) for order in orders]
        for rule in rules:  # a misspelt name would make a test pass for the wrong reason
            if rule.call != "*" and rule.call not in self.world.call_names:
                raise ValueError(f"call is * or one of {', '.join(sorted(self.world.call_names))}")
        for rule in rules:
            self.world.faults.add(rule)

    async def behave(self, request: web.Request) -> Any:
        self.world.faults.clear()

    async def release(self, request: web.Request) -> Any:
        self.world.faults.release()

    async def expire(self, request: web.Request) -> Any:
        order = await _body(request)
        count = self.world.vault.expire(str(order.get("what")), bool(order.get("forget")))
        return {"expired": count}

    async def clock(self, request: web.Request) -> Any:
        self.world.offset += float((await _body(request)).get("advance", 0))
        return {"now": self.world.now(), "clock_offset": self.world.offset}

    async def settings(self, request: web.Request) -> Any:
        return self.world.settings.as_dict()

    async def change_settings(self, request: web.Request) -> Any:
        self.world.settings.update(await _body(request))
        return self.world.settings.as_dict()

    # -- events ---------------------------------------------------------------------------------

    async def subscription(self, request: web.Request) -> Any:
        return asdict(self.world.events.subscription)

    async def subscribe(self, request: web.Request) -> Any:
        self.world.events.subscription.update(await _body(request))
        return asdict(self.world.events.subscription)

    async def push(self, request: web.Request) -> Any:
        return (await self.world.events.push(await _body(request))).as_dict()

    async def pushes(self, request: web.Request) -> Any:
        return [push.as_dict() for push in self.world.events.pushes]

    async def failed(self, request: web.Request) -> Any:
        return self.world.events.failed

    async def fail(self, request: web.Request) -> Any:
        for order in await _body(request, list):
            self.world.events.fail(order)

    async def forget_failed(self, request: web.Request) -> Any:
        self.world.events.failed.clear()


async def _body(request: web.Request, kind: type = dict) -> Any:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if kind is list and isinstance(body, dict):
        body = [body]
    if not isinstance(body, kind):
        raise ValueError(f"the body is not a JSON {kind.__name__}")
    return body


def _json(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            result, status = await handler(request), 200
        except NotFound as error:
            result, status = {"error": str(error)}, 404
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            result, status = {"error": str(error)}, 400
        body = json.dumps({"ok": True} if result is None else result)
        return web.Response(text=body, status=status, content_type="application/json")

    return answer
