# SPDX-License-Identifier: Apache-2.0
"""Everything the simulator remembers between two requests, and the way back to the start."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from .events import Events
from .faults import Faults
from .inbox import Inbox
from .organisation import Organisation
from .settings import Settings
from .tokens import Vault

KEPT_LOGINS = 1000
KEPT_CALLS = 100_000


@dataclass(frozen=True)
class App:
    """The one application registered with this DingTalk."""

    client_id: str
    client_secret: str
    corp_id: str
    agent_id: int


class CallLog:
    """Who called what, on which connection, and what came of it."""

    def __init__(self) -> None:
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self._connections: WeakKeyDictionary = WeakKeyDictionary()
        self._n = 0
        self.connections = 0

    def open(self, call: str, request: web.Request | None, body: bytes = b"") -> dict[str, Any]:
        self._n += 1
        entry: dict[str, Any] = {"n": self._n, "call": call, "time": time.time(),
                                 "connection": self._connection(request), "status": None,
                                 "code": None, "fault": None}
        if request is not None:
            entry["request"] = {"method": request.method, "path": request.path,
                                "query": list(request.query.items()),
                                "headers": list(request.headers.items()),
                                "body": body.decode("utf-8", "replace")}
        self._calls.append(entry)
        return entry

    def _connection(self, request: web.Request | None) -> int | None:
        transport = request.transport if request is not None else None
        if transport is None:
            return None
        if transport not in self._connections:
            self.connections += 1
            self._connections[transport] = self.connections
        return self._connections[transport]

    def clear(self) -> None:
        self._calls.clear()

    def list(self, full: bool) -> list[dict[str, Any]]:
        if full:
            return list(self._calls)
        return [{k: v for k, v in entry.items() if k != "request"} for entry in self._calls]

    def __len__(self) -> int:
        return len(self._calls)


class World:
    """The state behind all hosts. Handlers read it; the control API changes it."""

    def __init__(self, app: App, organisation: dict[str, Any], settings: dict[str, Any]) -> None:
        self.app = app
        self._organisation = organisation
        self._settings = settings
        self.log = CallLog()
        self.call_names: set[str] = set()  # filled by the hosts
        self.reset()

    def reset(self) -> None:
        self.offset = 0.0
        self.settings = Settings()
        self.settings.update(self._settings)
        self.organisation = Organisation(self.app.corp_id, self._organisation)
        self.vault = Vault(self.settings, self.now)
        self.faults = Faults()
        self.inbox = Inbox(self.now)
        self.events = Events(self)
        self.nonces: set[str] = set()  # of signed requests
        self.log.clear()
        self.logins: OrderedDict[str, Any] = OrderedDict()  # scan pages shown, by id
        self._recent: dict[str, deque[float]] = defaultdict(deque)

    def now(self) -> float:
        """The simulator's clock; POST /_sim/clock moves it, so that no test sleeps."""
        return time.time() + self.offset

    def keep_login(self, key: str, login: Any) -> None:
        self.logins[key] = login
        if len(self.logins) > KEPT_LOGINS:
            self.logins.popitem(last=False)

    def too_fast(self, call: str) -> bool:
        """Count one call of this API against the limit per second."""
        limit = self.settings.qps
        if limit is None:
            return False
        recent, now = self._recent[call], self.now()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= limit:
            return True
        recent.append(now)
        return False

    def sms_limit(self, gateway: str, phone: str) -> tuple[str, str] | None:
        """What stops one more message to this phone, in Aliyun's and in Tencent's words."""
        return self.inbox.over_limit(gateway, phone) if self.settings.sms_limits else None

    def granted(self, permission: str | None) -> bool:
        return permission is None or self.settings.permissions[permission]

    def in_scope(self, person: Any) -> bool:
        scope = self.settings.contact_scope
        return person.in_scope if scope is None else person.userid in scope
