# SPDX-License-Identifier: Apache-2.0
"""Event pushes over HTTP: to whom they go, what is in them, and whether the answer is right.

An order (POST /_sim/push) says what to push and how:

type         user_leave_org, …; without it and without text: check_url
body         more members of the event, as {"userId": ["zhangsan"]}
corp_id      of another corp
event_id     instead of a new one; null: none
event_time   in milliseconds, instead of now
old          names as they were once: UserId, DeptId, TimeStamp; no eventId, no BizId
text         the whole message, instead of all that
names        {"signature": "msg_signature", "timestamp": "timeStamp"}: how parameters are spelt
timestamp    of the query, instead of milliseconds now
nonce        of the query, instead of a new one
again        n of a former push: the same bytes once more
url          instead of the subscription's
timeout      seconds until we hang up, instead of the limit; an answer after the limit is late

To push as somebody else would, who is not DingTalk:

token, aes_key, owner   instead of the subscription's
signature               instead of the right one
query, raw              the whole query, the whole body
dry                     true: send nothing

The answer: {n, url, query, body, text, status, took (seconds), sent (epoch), verdict, reply, ok};
verdict is "success" (then ok is true), or what is wrong with the reply.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from .envelope import AES_KEY, TOKEN, BadEnvelope, Envelope, sign

FAILED_PAGE = 200  # entries of the list of failed pushes one call gets
OLD_NAMES = {"userId": "UserId", "deptId": "DeptId", "timeStamp": "TimeStamp",
             "userIdList": "UserIdList", "labelIdList": "LabelIdList"}
REPLY_NAMES = {"msg_signature", "timeStamp", "nonce", "encrypt"}
FORGED = ("token", "aes_key", "owner", "signature", "query", "raw")
WITH_STAMP = ("user_", "org_admin_")  # types whose body has a timeStamp beside EventTime
KNOWN = {"type", "body", "corp_id", "event_id", "event_time", "old", "text", "names", "timestamp",
         "nonce", "again", "url", "timeout", "dry", *FORGED}


@dataclass
class Subscription:
    """What stands in the console under event subscription."""

    token: str = "SimulatedToken01"
    aes_key: str = "SimulatedAesKeyWith43LettersAndDigits000001"
    url: str = ""  # none: nothing is pushed
    owner: str = ""  # none: the Client ID; the CorpID for subscriptions of the old kind
    automatic: bool = False  # push when the organisation is edited

    def update(self, changes: dict[str, Any]) -> None:
        """Apply changes, all or nothing."""
        new = Subscription(**{**asdict(self), **changes})
        if not AES_KEY.fullmatch(new.aes_key):
            raise ValueError("aes_key has 43 letters and digits")
        if not TOKEN.fullmatch(new.token):
            raise ValueError("token has 3 to 63 letters and digits")
        self.__dict__.update(asdict(new))


@dataclass
class Push:
    """One push: what is sent, and afterwards what came of it."""

    n: int
    url: str
    query: str
    body: str
    text: str
    envelope: Envelope = field(repr=False)
    token: str = field(repr=False)
    entry: dict[str, Any] | None = None  # what goes onto the list when it fails
    status: int | None = None
    took: float | None = None
    sent: float | None = None
    verdict: str = "not sent"
    reply: str = ""

    def as_dict(self) -> dict[str, Any]:
        names = ("n", "url", "query", "body", "text", "status", "took", "sent", "verdict", "reply")
        return {**{name: getattr(self, name) for name in names}, "ok": self.verdict == "success"}

    def judge(self, limit: float) -> str:
        """success, or what is wrong with the reply."""
        if self.status != 200:
            return f"HTTP status {self.status}"
        try:
            reply = json.loads(self.reply)
        except ValueError:
            return "not JSON"
        if not isinstance(reply, dict) or set(reply) != REPLY_NAMES:
            return f"not an object of {', '.join(sorted(REPLY_NAMES))}"
        if not all(isinstance(value, str) and value for value in reply.values()):
            return "a value is no text, or empty"
        if not reply["timeStamp"].isdigit() or len(reply["timeStamp"]) not in (10, 13):
            return "timeStamp is no time"
        wanted = sign(self.token, reply["timeStamp"], reply["nonce"], reply["encrypt"])
        if reply["msg_signature"] != wanted:
            return "900005: wrong msg_signature"
        try:
            message = self.envelope.open(reply["encrypt"])
        except BadEnvelope as error:
            return str(error)
        if message != b"success":
            return f"the answer is {message!r}"
        return "success" if self.took <= limit else f"late: {self.took:.3f} s"


class Events:
    """The subscription, what was pushed, and what could not be delivered."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.subscription = Subscription()
        self.pushes: list[Push] = []
        self.failed: list[dict[str, Any]] = []
        self._returned = 0  # of these, what the last call got
        self._tasks: set[asyncio.Task] = set()

    # -- pushes ---------------------------------------------------------------------------------

    async def push(self, order: dict[str, Any]) -> Push:
        unknown = set(order) - KNOWN
        if unknown:
            raise ValueError(f"no such order: {', '.join(sorted(unknown))}")
        push = self._again(order) if "again" in order else self._prepare(order)
        if not push.url:
            raise ValueError("there is no subscription: POST /_sim/subscription {\"url\": …}")
        self.pushes.append(push)
        if not order.get("dry"):
            await self._send(push, order.get("timeout"))
            self._list(push)
        return push

    def _again(self, order: dict[str, Any]) -> Push:
        push = next((push for push in self.pushes if push.n == order["again"]), None)
        if push is None:
            raise ValueError(f"there was no push {order['again']}")
        url = order.get("url", push.url)
        return Push(len(self.pushes) + 1, url, push.query, push.body, push.text, push.envelope,
                    push.token, push.entry)

    def _prepare(self, order: dict[str, Any]) -> Push:
        subscription = self.subscription
        token = order.get("token", subscription.token)
        owner = order.get("owner", subscription.owner or self.world.app.client_id)
        envelope = Envelope(order.get("aes_key", subscription.aes_key), owner)
        event = self.event(order)
        text = order.get("text", json.dumps(event, ensure_ascii=False, separators=(",", ":")))
        stamp = str(order.get("timestamp", self._milliseconds()))
        nonce, encrypt = order.get("nonce", secrets.token_hex(8)), envelope.close(text.encode())
        names = {"signature": "signature", "timestamp": "timestamp", **order.get("names", {})}
        signature = order.get("signature", sign(token, stamp, nonce, encrypt))
        query = order.get("query", urlencode({names["signature"]: signature,
                                              names["timestamp"]: stamp, "nonce": nonce}))
        body = order.get("raw", json.dumps({"encrypt": encrypt}))
        # Whoever is not DingTalk has no list of failed pushes; check_url is tried once.
        listed = "type" in order and not any(name in order for name in ("text", *FORGED))
        return Push(len(self.pushes) + 1, order.get("url", subscription.url), query, body, text,
                    Envelope(subscription.aes_key, owner), subscription.token,
                    self._entry(event) if listed else None)

    def event(self, order: dict[str, Any]) -> dict[str, Any]:
        """The members of an event, in DingTalk's spelling."""
        kind = order.get("type")
        if kind is None:
            return {"EventType": "check_url"}
        when = order.get("event_time", self._milliseconds())
        event = {"EventType": kind, "EventTime": when,
                 "CorpId": order.get("corp_id", self.world.app.corp_id)}
        if order.get("old"):
            body = {OLD_NAMES.get(name, name): value
                    for name, value in order.get("body", {}).items()}
            del event["EventTime"]
            return {**event, "TimeStamp": when, **body}
        event["BizId"] = f"biz-{secrets.token_hex(6)}"
        event_id = order.get("event_id", secrets.token_hex(16))
        if event_id is not None:
            event["eventId"] = event_id
        if kind.startswith(WITH_STAMP):
            event["timeStamp"] = str(when)
        return {**event, **order.get("body", {})}

    async def _send(self, push: Push, timeout: float | None) -> None:
        limit = self.world.settings.event_time_limit
        total = aiohttp.ClientTimeout(total=limit if timeout is None else timeout)
        url = f"{push.url}{'&' if '?' in push.url else '?'}{push.query}"
        began, push.sent = time.monotonic(), time.time()
        try:
            async with aiohttp.ClientSession(timeout=total) as session:
                async with session.post(url, data=push.body.encode(), allow_redirects=False,
                                        headers={"Content-Type": "application/json"}) as answer:
                    push.status = answer.status
                    push.reply = (await answer.read()).decode("utf-8", "replace")
            push.took = time.monotonic() - began
            push.verdict = push.judge(limit)
        except asyncio.TimeoutError:
            push.took = time.monotonic() - began
            push.verdict = f"no answer within {push.took:.3f} s"
        except aiohttp.ClientError as error:
            push.took = time.monotonic() - began
            push.verdict = f"no answer: {error}"

    def edited(self, kind: str, userid: str) -> None:
        """The organisation was edited by hand: DingTalk tells it by itself, if it is told to."""
        if self.subscription.automatic and self.subscription.url:
            order = {"type": kind, "body": {"userId": [userid]}}
            task = asyncio.get_running_loop().create_task(self.push(order))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # -- the list of failed pushes --------------------------------------------------------------

    def fail(self, order: dict[str, Any]) -> None:
        """Put an event onto the list as if it had been pushed in vain."""
        self.failed.append(self._entry(self.event(order)))

    def _list(self, push: Push) -> None:
        """What was not delivered is listed until another try delivers it."""
        listed = push.entry in self.failed[self._returned:]
        if push.verdict == "success" and listed:
            self.failed.remove(push.entry)
        elif push.verdict != "success" and push.entry is not None and not listed:
            self.failed.append(push.entry)

    def fetch_failed(self) -> dict[str, Any]:
        """One call: what the last one returned is gone, or, once, what this one returns."""
        del self.failed[:self._returned]
        page = self.failed[:FAILED_PAGE]
        self._returned = len(page)
        more = len(self.failed) > len(page)
        if self.world.settings.failed_cleared == "now":
            del self.failed[:self._returned]
            self._returned = 0
        return {"failed_list": page, "has_more": more}

    def _entry(self, event: dict[str, Any]) -> dict[str, Any]:
        kind = event["EventType"]
        rest = {name: value for name, value in event.items()
                if name not in ("EventType", "EventTime", "CorpId", "BizId", "eventId",
                                "timeStamp", "TimeStamp")}
        rest = {name.lower() if name.lower() == "userid" else name: value
                for name, value in rest.items()}
        entry = {"call_back_tag": kind, "corpid": event.get("CorpId"),
                 "event_time": event.get("EventTime", event.get("TimeStamp"))}
        if self.world.settings.failed_nested:
            return {**entry, kind: rest}
        return {**entry, **rest}

    def _milliseconds(self) -> int:
        return int(self.world.now() * 1000)
