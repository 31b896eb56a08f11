# SPDX-License-Identifier: Apache-2.0
"""The text messages that arrived, on whatever phone."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Callable

KEPT_MESSAGES = 10_000
MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})")
ABROAD = re.compile(r"(?!86)[1-9][0-9]{6,14}")
# What one number may get: (seconds, messages, Aliyun's name for it, Tencent's name for it)
LIMITS = ((60, 1, "分钟级流控Permits:1", "DeliveryFrequencyLimit"),
          (3600, 5, "小时级流控Permits:5", "PhoneNumberOneHourLimit"),
          (86400, 10, "天级流控Permits:10", "PhoneNumberDailyLimit"))


def mainland(number: str) -> str | None:
    """A mainland mobile number in E.164, or None."""
    match = MAINLAND.fullmatch(number)
    return f"+86{match[1]}" if match else None


def abroad(number: str) -> str | None:
    """Digits of a country code other than the mainland's and a number, in E.164, or None."""
    return f"+{number}" if ABROAD.fullmatch(number) else None


@dataclass
class Message:
    """One text message, with all a test may ask about it."""

    n: int
    time: float
    gateway: str  # aliyun, tencent, gateway
    phone: str  # E.164
    text: str
    code: str | None
    sign: str | None = None
    template: str | None = None
    params: Any = None
    id: str | None = None  # what the sender calls it


class Inbox:
    """All messages in the order they came."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self._n = 0

    def deliver(self, gateway: str, phone: str, text: str, code: str | None, **more: Any) -> None:
        self._n += 1
        self._messages.append(Message(self._n, self._now(), gateway, phone, text, code, **more))

    def over_limit(self, gateway: str, phone: str) -> tuple[str, str] | None:
        """Aliyun's and Tencent's name of the limit that one more message would break."""
        ages = [self._now() - m.time for m in self._messages
                if (m.gateway, m.phone) == (gateway, phone)]
        for seconds, count, *names in LIMITS:
            if sum(age < seconds for age in ages) >= count:
                return names[0], names[1]
        return None

    def list(self, phone: str | None = None) -> list[dict[str, Any]]:
        return [asdict(message) for message in self._messages if phone in (None, message.phone)]

    def by_phone(self) -> dict[str, list[Message]]:
        """The messages of each phone, newest first; first the phone that got the last one."""
        phones: dict[str, list[Message]] = {}
        for message in reversed(self._messages):
            phones.setdefault(message.phone, []).append(message)
        return phones

    def clear(self) -> None:
        self._messages.clear()
