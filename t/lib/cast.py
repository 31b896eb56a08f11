# SPDX-License-Identifier: Apache-2.0
"""The people of the demo: what becomes of each who signs in."""

import pathlib
import sqlite3
import time
from dataclasses import dataclass

ACCOUNT = "INSERT INTO dingtalk_account (uid, name, mobile) VALUES (?, ?, ?)"
BINDING = "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES (?, ?, ?)"


@dataclass(frozen=True)
class Part:
    """A person with an account. `fate` says how they come to it."""

    userid: str
    uid: str
    phone: str  # of the account
    fate: str
    bound: bool = False  # before the demo begins


BY_MOBILE = Part("zhangsan", "zhang.san", "+8613800000001",
                 "is bound automatically: DingTalk and the account have the same mobile number")
BY_CODE = Part("lisi", "li.si", "+8613800000002",
               "must enter a phone number and a code: DingTalk has no mobile number")
CAST = (
    # The number has gone to zhengjiu since, who is refused: the account has somebody already.
    Part("yoshinoya", "ye.jia", "+8613800000012", "is bound already", bound=True),
    BY_MOBILE,
    Part("duoduo", "qian.duoduo", "+8613800000008",
         "is bound automatically, with 演示公司; is refused with the other organisation"),
    BY_CODE,
    Part("ZhangSan", "zhang.san.3", "+8613900000022",
         "must enter a phone number and a code: DingTalk has another mobile number"),
    Part("oneil", "o.neil", "+14155550123",
         "must enter a phone number of the USA (+1) and a code"),
)


def story(userid, note):
    """What to expect when this person signs in; `note` is the simulator's."""
    part = next((part for part in CAST if part.userid == userid), None)
    if part is None:
        return f"is refused: {note}"
    phone = f". Phone: {part.phone}" if "phone number" in part.fate else ""
    return f"{part.fate} → {part.uid}{phone}"


def make_accounts(state, simulator, patience=20):
    """Write the accounts, and the binding there is before, into httpd's database."""
    database = pathlib.Path(state) / "dingtalk.db"
    end = time.monotonic() + patience
    while not _has_tables(database):
        if time.monotonic() > end:
            raise RuntimeError(f"the module made no tables in {database}")
        time.sleep(0.1)
    bindings = [(simulator.corp_id, simulator.who(part.userid)["unionid"], part.uid)
                for part in CAST if part.bound]
    with sqlite3.connect(database, timeout=10) as link:
        link.executemany(ACCOUNT, [(part.uid, f"Account of {part.userid}", part.phone)
                                   for part in CAST])
        link.executemany(BINDING, bindings)
    link.close()


def _has_tables(database):
    if not database.exists():
        return False
    link = sqlite3.connect(database, timeout=10)
    try:
        return bool(link.execute("SELECT 1 FROM sqlite_master WHERE name = 'dingtalk_binding'")
                    .fetchall())
    finally:
        link.close()
