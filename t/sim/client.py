# SPDX-License-Identifier: Apache-2.0
"""A thin client of the simulator, with which its own tests call it."""

import http.client
import json
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

HERE = Path(__file__).resolve().parent
CALLBACK = "http://127.0.0.1:8080/dingtalk/callback"


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def send_to(base, method="POST", path="/", headers=None, body=b""):
    """One request to any address, with exactly these headers."""
    link = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    link.putrequest(method, path, skip_host="host" in (headers or {}), skip_accept_encoding=True)
    for name, value in {**(headers or {}), "content-length": str(len(body))}.items():
        link.putheader(name, value.encode())
    link.endheaders(body)
    try:
        return Answer(link.getresponse())
    finally:
        link.close()


class Client:
    """A thin HTTP client that remembers where the simulator is and who we are."""

    def __init__(self, hello):
        self.hello = hello
        self.secret = hello["client_secret"]

    def send(self, method, path, body=None, headers=None, content_type="application/json"):
        link = http.client.HTTPConnection("127.0.0.1", self.hello["port"], timeout=30)
        try:
            if body is not None and not isinstance(body, (str, bytes)):
                body = json.dumps(body)
            headers = dict(headers or {})
            if body is not None:
                headers["Content-Type"] = content_type
            link.request(method, path, body, headers)
            return Answer(link.getresponse())
        finally:
            link.close()

    def control(self, path, body=None, method=None):
        answer = self.send(method or ("GET" if body is None else "POST"), f"/_sim/{path}", body)
        assert answer.status == 200, answer.body
        return answer.json

    def auth_url(self, **changes):
        query = {"client_id": self.hello["client_id"], "redirect_uri": CALLBACK,
                 "response_type": "code", "scope": "openid corpid", "prompt": "consent",
                 "state": "s-1", **changes}
        query = {key: value for key, value in query.items() if value is not None}
        return "/oauth2/auth?" + urlencode(query, quote_via=quote)

    def scan(self, userid="zhangsan", order=None, **changes):
        return self.control("scan", {"userid": userid, "url": self.auth_url(**changes),
                                     **(order or {})})

    def code(self, userid="zhangsan", **changes):
        location = self.scan(userid, **changes)["location"]
        return parse_qs(urlsplit(location).query)["code"][0]

    def exchange(self, code, **changes):
        return self.send("POST", "/v1.0/oauth2/userAccessToken", {
            "clientId": self.hello["client_id"], "clientSecret": self.secret,
            "grantType": "authorization_code", "code": code, **changes})

    def user_token(self, userid="zhangsan", **changes):
        return self.exchange(self.code(userid, **changes)).json["accessToken"]

    def me(self, token):
        return self.send("GET", "/v1.0/contact/users/me",
                         headers={"x-acs-dingtalk-access-token": token})

    def app_token(self):
        return self.send("POST", "/v1.0/oauth2/accessToken", {
            "appKey": self.hello["client_id"], "appSecret": self.secret}).json["accessToken"]

    def oapi(self, path, body, token=None):
        token = self.app_token() if token is None else token
        return self.send("POST", f"/topapi/{path}?access_token={token}", body).json

    def member(self, userid="zhangsan"):
        return self.oapi("v2/user/get", {"userid": userid})

    def unionid(self, userid):
        return self.control(f"people/{userid}")["unionid"]


def start(*options):
    """(the process, its start line) of a new simulator."""
    process = subprocess.Popen([HERE / "dingtalk-sim", "--exit-with-parent", *options],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, json.loads(process.stdout.readline())
