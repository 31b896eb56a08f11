# SPDX-License-Identifier: Apache-2.0
"""Misbehaviour on order: which call is hit, how often and when.

A rule of POST /_sim/misbehave: {"call": short name or "*", "mode": one of MODES, "times": how
often (absent or null: until deleted), "skip": how many calls pass unharmed first, "delay": seconds
before anything happens, "processed": true lets the call take effect before its answer is lost}
plus the parameters named in the docstring of each mode, in modes.py. POST /_sim/release ends the
delays under way.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .modes import MODES, SHAPES, Answer, Hit
from .reply import Reply


@dataclass
class Rule:
    """One order to misbehave."""

    call: str
    mode: str
    times: int | None = None
    skip: int = 0
    delay: float = 0
    processed: bool = False
    params: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Rule":
        data = dict(data)
        mode = data.pop("mode", None)
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        if mode == "wrong_type" and data.get("shape", "array") not in SHAPES:
            raise ValueError(f"shape is one of {', '.join(SHAPES)}")
        rule = cls(data.pop("call", "*"), mode, data.pop("times", None), data.pop("skip", 0),
                   data.pop("delay", 0), data.pop("processed", False))
        if not isinstance(rule.times, (int, type(None))) or not isinstance(rule.skip, int):
            raise ValueError("times and skip are numbers")
        if mode == "delay":
            rule.delay = data.pop("seconds", rule.delay)
        rule.params = data
        return rule

    async def play(self, host: Any, request: web.Request, entry: dict[str, Any],
                   answer: Answer) -> web.StreamResponse:
        done: list[Reply] = []

        def once() -> Reply:
            if not done:
                done.append(answer())
            return done[0]

        if self.processed:
            once()
        if self.delay:
            await host.world.faults.sleep(self.delay)
        return await MODES[self.mode](Hit(self.params, host, request, entry, once))

    def as_dict(self) -> dict[str, Any]:
        return {"call": self.call, "mode": self.mode, "times": self.times, "skip": self.skip,
                "delay": self.delay, "processed": self.processed, **self.params}


class Faults:
    """The rules in force; the first that fits a call takes it."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._released = asyncio.Event()

    def add(self, rule: Rule) -> None:
        self.rules.append(rule)

    def clear(self) -> None:
        self.rules.clear()

    async def sleep(self, seconds: float) -> None:
        """Until they are over, or until a release."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._released.wait(), seconds)

    def release(self) -> None:
        """Who sleeps goes on; who comes now sleeps."""
        self._released.set()
        self._released = asyncio.Event()

    def take(self, call: str) -> Rule | None:
        for rule in self.rules:
            if rule.call not in ("*", call):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
                if rule.times <= 0:
                    self.rules.remove(rule)
            return rule
        return None
