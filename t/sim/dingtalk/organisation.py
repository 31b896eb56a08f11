# SPDX-License-Identifier: Apache-2.0
"""The people DingTalk knows, as the public sees them and as their organisation records them."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Iterable

OUR_CORP = "$corp"  # stands in org.json for the --corp-id the simulator was started with


@dataclass
class Person:
    """One DingTalk user.

    `personal` is what the person typed into DingTalk (users/me, camelCase); `member` is the
    record the organisation keeps (v2/user/get). They differ on purpose in org.json, so that a
    test can tell which one was used. An absent value is an absent key.
    """

    userid: str
    unionid: str
    corps: list[str]
    contact_type: int = 0  # 0 employee, 1 external contact
    left: bool = False  # has left our organisation
    in_scope: bool = True  # within the app's contact scope
    note: str = ""  # shown on the scan page
    personal: dict[str, Any] = field(default_factory=dict)
    member: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Person":
        data = copy.deepcopy(data)
        person = cls(
            userid=data.pop("userid"),
            unionid=data.pop("unionid"),
            corps=data.pop("corps", [OUR_CORP]),
        )
        person.patch(data)
        return person

    def patch(self, changes: dict[str, Any]) -> None:
        """Merge: a name of ours changes the person, any other one the member record.

        null removes a key of a record, as absent values are absent on the wire.
        """
        changes = copy.deepcopy(changes)
        for name in ("personal", "member"):
            _merge(getattr(self, name), changes.pop(name, {}))
        for name, kind in _FLAGS.items():
            if name in changes:
                value = changes.pop(name)
                if not isinstance(value, kind):
                    raise ValueError(f"{name} is a {kind.__name__}")
                setattr(self, name, value)
        _merge(self.member, changes)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def name(self) -> str:
        return self.member.get("name") or self.personal.get("nick") or self.userid


_FLAGS = {"unionid": str, "corps": list, "contact_type": int, "left": bool, "in_scope": bool,
          "note": str}


def _merge(record: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if value is None:
            record.pop(name, None)
        else:
            record[name] = value


class Organisation:
    """Our corp and everybody who may stand in front of its QR code, by userid."""

    def __init__(self, corp_id: str, data: dict[str, Any]) -> None:
        self.corp_id = corp_id
        self.corp_names: dict[str, str] = self._own(data.get("corp_names", {}))
        self.people: dict[str, Person] = {}
        for item in data["people"]:
            self.put(Person.from_dict(item))

    @staticmethod
    def read(path: Path) -> dict[str, Any]:
        return json.loads(path.read_text("utf-8"))

    def _own(self, names: dict[str, str]) -> dict[str, str]:
        return {self.corp_id if key == OUR_CORP else key: name for key, name in names.items()}

    def put(self, person: Person) -> None:
        person.corps = [self.corp_id if corp == OUR_CORP else corp for corp in person.corps]
        for name, value in person.member.items():
            if value == OUR_CORP:
                person.member[name] = self.corp_id
        self.people[person.userid] = person

    def corps_of(self, person: Person) -> list[str]:
        """The organisations the login page offers this person."""
        return [c for c in person.corps if not (person.left and c == self.corp_id)]

    def corp_name(self, corp_id: str) -> str:
        return self.corp_names.get(corp_id, corp_id)

    def everybody(self) -> Iterable[Person]:
        return self.people.values()

    def by_unionid(self, unionid: str) -> Person | None:
        """The person with exactly this unionId: the comparison is case-sensitive."""
        return next((p for p in self.everybody() if p.unionid == unionid), None)

    def belongs(self, person: Person | None) -> bool:
        """Does our organisation know this person, as employee or as external contact?"""
        return person is not None and self.corp_id in self.corps_of(person)

    def contact(self, userid: str) -> Person | None:
        person = self.people.get(userid)
        return person if self.belongs(person) else None

    def employee(self, userid: str) -> Person | None:
        person = self.contact(userid)
        return person if person and person.contact_type == 0 else None
