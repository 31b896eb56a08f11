# SPDX-License-Identifier: Apache-2.0
"""Codes and tokens: what DingTalk hands out, and how long each of them is good."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Callable

from .settings import Settings


@dataclass(frozen=True)
class Grant:
    """What a person agreed to on the login page."""

    client_id: str
    userid: str
    corp_id: str | None  # only with scope corpid
    consented: bool  # was there prompt=consent?


@dataclass
class Pass:
    """A code or token and the moment it ends."""

    grant: Grant | None
    ends: float


class Vault:
    """Keeps what was handed out. The kinds never open each other's doors."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._codes: dict[str, Pass] = {}
        self._login_free: dict[str, Pass] = {}
        self._user: dict[str, Pass] = {}
        self._refresh: dict[str, Pass] = {}
        self._app: dict[str, Pass] = {}
        self._current_app: str | None = None
        self.issued: list[str] = []  # everything secret ever sent, for leak tests

    def _new(self) -> str:
        value = secrets.token_hex(16)
        self.issued.append(value)
        return value

    # -- codes: single use, bound to the client -------------------------------------------------

    def issue_code(self, grant: Grant) -> str:
        return self._issue_code(self._codes, grant)

    def spend_code(self, code: str, client_id: str) -> Grant | None:
        return self._spend_code(self._codes, code, client_id)

    def issue_login_free_code(self, grant: Grant) -> str:
        return self._issue_code(self._login_free, grant)

    def spend_login_free_code(self, code: str, client_id: str) -> Grant | None:
        return self._spend_code(self._login_free, code, client_id)

    def _issue_code(self, shelf: dict[str, Pass], grant: Grant) -> str:
        code = self._new()
        shelf[code] = Pass(grant, self._now() + self._settings.code_lifetime)
        return code

    def _spend_code(self, shelf: dict[str, Pass], code: str, client_id: str) -> Grant | None:
        found = shelf.get(code)
        if found is None or found.grant.client_id != client_id:
            return None
        del shelf[code]
        return found.grant if self._alive(found) else None

    # -- user tokens ----------------------------------------------------------------------------

    def issue_user_tokens(self, grant: Grant) -> tuple[str, str]:
        """A fresh access token and a fresh refresh token."""
        access, refresh = self._new(), self._new()
        self._user[access] = Pass(grant, self._now() + self._settings.user_token_lifetime)
        self._refresh[refresh] = Pass(grant, self._now() + self._settings.refresh_token_lifetime)
        return access, refresh

    def spend_refresh_token(self, token: str, client_id: str) -> Grant | None:
        return self._spend_code(self._refresh, token, client_id)

    def user_token(self, token: str) -> tuple[Grant | None, bool]:
        """(whose token this is or None, is it still good)."""
        found = self._user.get(token)
        return (found.grant, self._alive(found)) if found else (None, False)

    # -- the app's token ------------------------------------------------------------------------

    def issue_app_token(self) -> str:
        """Within its validity the same token again, prolonged; afterwards a new one."""
        token = self._current_app
        if token is None or token not in self._app or not self._alive(self._app[token]):
            token = self._current_app = self._new()
            self._app[token] = Pass(None, 0)
        self._app[token].ends = self._now() + self._settings.app_token_lifetime
        return token

    def app_token(self, token: str) -> tuple[bool, bool]:
        """(is it one of ours, is it still good)."""
        found = self._app.get(token)
        return (True, self._alive(found)) if found else (False, False)

    # -- for tests ------------------------------------------------------------------------------

    def expire(self, what: str, forget: bool) -> int:
        """End all of one kind now; `forget` makes them unknown instead of timed out."""
        shelves = {"app_token": self._app, "user_tokens": self._user, "codes": self._codes}
        if what not in shelves:
            raise ValueError(f"what is one of {', '.join(shelves)}")
        shelf = shelves[what]
        count = len(shelf)
        if forget:
            shelf.clear()
        for item in shelf.values():
            item.ends = float("-inf")
        return count

    def counts(self) -> dict[str, int]:
        return {
            "codes": len(self._codes),
            "user_tokens": sum(map(self._alive, self._user.values())),
            "app_tokens": sum(map(self._alive, self._app.values())),
        }

    def _alive(self, item: Pass) -> bool:
        return self._now() < item.ends
