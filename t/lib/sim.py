# SPDX-License-Identifier: Apache-2.0
"""The DingTalk simulator: start it, edit its organisation, scan, and see what it got."""

import time

import requests

from .build import ROOT
from .process import Helper

HOSTS = ("127.0.0.1", "localhost", "one.example", "two.example", "corp.example", "app.example",
         "a.example.com", "b.example.com", "portal.example")
OTHER_CORP = "dingothercorp0002"
CAST = {"external": "wangwu", "disabled": "zhaoliu", "not_active": "sunqi",
        "out_of_scope": "outofscope", "stranger": "stranger", "other_corp": "stranger"}


class Simulator(Helper):
    """Starts t/sim/dingtalk-sim and speaks its control API (t/sim/dingtalk/control.py)."""

    def __init__(self, *options):
        redirects = [word for host in HOSTS for scheme in ("http", "https")
                     for word in ("--redirect", f"{scheme}://{host}")]
        super().__init__([ROOT / "t" / "sim" / "dingtalk-sim", "--port", "0",
                          *redirects, *options])
        self.http = requests.Session()
        self.http.trust_env = False

    def __getattr__(self, name):
        """What the start line says: login, api, oapi, control, client_id, client_secret, corp_id.

        For the SMS gateways aliyun, tencent, gateway (base addresses), aliyun_key, aliyun_secret,
        tencent_key, tencent_secret, tencent_app.
        """
        ready = self.__dict__.get("ready", {})
        if name in ready:
            return ready[name]
        raise AttributeError(name)

    def order(self, method, path, body=None, missing=None):
        """One control call; `missing` is returned for a 404."""
        answer = self.http.request(method, self.control + path, json=body, timeout=30)
        if answer.status_code == 404 and missing is not None:
            return missing
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def reset(self):
        """Back to the organisation and the good behaviour of the start.

        Here DingTalk waits longer for the answer to a push, or every test that pushes would depend
        on how busy the machine is; lib.events.pushed_in_time() is for those about promptness.
        """
        self.order("POST", "/reset")
        self.settings(event_time_limit=20)

    # -- what happened ---------------------------------------------------------------------------

    def calls(self, name=None, full=False):
        """Calls of APIs and SMS gateways since the last reset (the login page does not count)."""
        calls = self.order("GET", "/calls" + ("?full=1" if full else ""))
        return [call for call in calls
                if call["call"] != "auth" and name in (None, call["call"])]

    def forget_calls(self):
        """Empty the list of calls."""
        self.order("DELETE", "/calls")

    def tokens(self):
        """Every code and token handed out."""
        return self.order("GET", "/secrets")["issued"]

    # -- text messages ---------------------------------------------------------------------------

    def inbox(self, phone=None):
        """The messages that arrived, oldest first; all, or those to one number in E.164."""
        return [message for message in self.order("GET", "/inbox")
                if phone in (None, message["phone"])]

    def forget_inbox(self):
        """Empty the inbox."""
        self.order("DELETE", "/inbox")

    def last_code(self, phone, messages=1, patience=30):
        """The code last sent to this number, once it has got so many messages."""
        end = time.monotonic() + patience
        while len(got := self.inbox(phone)) < messages:
            assert time.monotonic() < end, f"{phone} got {len(got)} messages, not {messages}"
            time.sleep(0.02)
        return got[-1]["code"]

    # -- people ----------------------------------------------------------------------------------

    def who(self, userid):
        """A person: the member record with userid and unionid."""
        person = self.order("GET", f"/people/{userid}")
        return {**person["member"], "userid": userid, "unionid": person["unionid"]}

    def person(self, userid, **patch):
        """Change a person, or make an active employee."""
        if self.order("PATCH", f"/people/{userid}", patch, missing=False) is False:
            self.order("PUT", f"/people/{userid}", {
                "personal": {"nick": userid, "openId": "o-" + userid},
                "member": {"name": userid, "active": True, "dept_id_list": [1]}, **patch})

    def cast(self, role):
        """Prepare somebody of a role; the userid that scans."""
        if role == "stranger":
            self.settings(corp_id_in_token=False)
        return CAST[role]

    def scan(self, userid, url, **choices):
        """The person scans and agrees, or denies (deny=True): where the browser goes next."""
        answer = self.order("POST", "/scan", {"userid": userid, "url": url, **choices})
        assert "location" in answer, f"DingTalk refuses the login address {url}: {answer}"
        return answer["location"]

    # -- weather ---------------------------------------------------------------------------------

    def misbehave(self, call, mode, **how):
        """From now on this call (or "*") misbehaves; see t/sim/dingtalk/faults.py."""
        self.order("POST", "/misbehave", {"call": call, "mode": mode, **how})

    def behave(self):
        """Good again."""
        self.order("DELETE", "/misbehave")

    def release(self):
        """Who is made to wait by a delay goes on; delays are then as long as a test needs them."""
        self.order("POST", "/release")

    def settings(self, **values):
        """Change lifetimes, permissions, limits; see t/sim/dingtalk/settings.py."""
        return self.order("POST", "/settings", values)

    def expire(self, what, forget=False):
        """End all of "app_token", "user_tokens" or "codes" now."""
        return self.order("POST", "/expire", {"what": what, "forget": forget})

    def trouble(self, kind):
        """The three usual ones by name."""
        if kind == "no_permission":
            self.settings(permissions={"qyapi_get_member": False})
        elif kind == "ip":
            self.settings(ip_allowed=False)
        else:
            self.misbehave("*", "reset")

    # -- events ----------------------------------------------------------------------------------

    def subscribe(self, httpd, path="/dingtalk/event", host=None, **changes):
        """Pushes go to this httpd; see t/sim/dingtalk/events.py. What the subscription is."""
        url = f"{httpd.scheme}://{host or httpd.names[0]}:{httpd.port}{path}"
        return self.order("POST", "/subscription", {"url": url, **changes})

    def subscription(self):
        """The subscription: token, aes_key, url, owner, automatic."""
        return self.order("GET", "/subscription")

    def push(self, kind=None, *userids, **order):
        """Push an event (None: check_url) about these persons; what came of it."""
        if userids:
            order["body"] = {"userId": list(userids), **order.get("body", {})}
        if kind is not None:
            order["type"] = kind
        return self.order("POST", "/push", order)

    def push_again(self, push, **order):
        """The same bytes once more."""
        return self.order("POST", "/push", {"again": push["n"], **order})

    def fail(self, *events):
        """Events that were pushed in vain: orders as push takes them."""
        self.order("POST", "/failed", list(events))

    def failed(self):
        """The list of failed pushes."""
        return self.order("GET", "/failed")
