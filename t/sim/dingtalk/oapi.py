# SPDX-License-Identifier: Apache-2.0
"""oapi.dingtalk.com: token in the query, snake_case JSON, always HTTP 200 with an errcode."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .host import Call, DingTalkError, Host, Visit, call
from .organisation import Person
from .reply import Reply, oapi_error, oapi_request_id

# What each field permission of the app lets v2/user/get show.
FIELDS = {"fieldMobile": ("mobile",), "fieldEmail": ("email", "work_place", "remark", "extension")}


class OapiError(DingTalkError):
    def __init__(self, errcode: int, errmsg: str, wrap: bool = False) -> None:
        super().__init__(errcode)
        self.errcode, self.errmsg, self.wrap = errcode, errmsg, wrap


class Oapi(Host):
    """The "old" API, the only one that knows members."""

    # -- calls ----------------------------------------------------------------------------------

    @call("gettoken", "GET", "/gettoken")
    def gettoken(self, visit: Visit) -> dict[str, Any]:
        query, app = visit.request.query, self.world.app
        if "appkey" not in query or "appsecret" not in query:
            raise OapiError(40035, "不合法的参数")
        if (query["appkey"], query["appsecret"]) != (app.client_id, app.client_secret):
            raise OapiError(40096, "不合法的appKey或appSecret")
        return {"access_token": self.world.vault.issue_app_token(),
                "expires_in": int(self.world.settings.app_token_lifetime)}

    @call("getbyunionid", "POST", "/topapi/user/getbyunionid",
          token="app", permission="qyapi_get_member")
    def getbyunionid(self, visit: Visit) -> dict[str, Any]:
        unionid = visit.body.get("unionid")
        if not isinstance(unionid, str) or not unionid:
            raise OapiError(400002, "无效的参数")
        person = self.world.organisation.by_unionid(unionid)
        if not self.world.organisation.belongs(person):
            raise OapiError(60121, "找不到该用户")
        return {"result": {"contact_type": person.contact_type, "userid": person.userid}}

    @call("user_get", "POST", "/topapi/v2/user/get", token="app", permission="qyapi_get_member")
    def user_get(self, visit: Visit) -> dict[str, Any]:
        return {"result": self._record(self._employee(visit.body))}

    @call("getuserinfo", "POST", "/topapi/v2/user/getuserinfo",
          token="app", permission="qyapi_base")
    def getuserinfo(self, visit: Visit) -> dict[str, Any]:
        code = visit.body.get("code")
        if not isinstance(code, str) or not code:
            raise OapiError(400002, "无效的参数")
        grant = self.world.vault.spend_login_free_code(code, self.world.app.client_id)
        person = self.world.organisation.employee(grant.userid) if grant else None
        if person is None:
            raise OapiError(40078, "不存在的临时授权码")
        admin = bool(person.member.get("admin"))
        return {"result": {"userid": person.userid, "unionid": person.unionid,
                           "associated_unionid": person.unionid, "device_id": "sim-device",
                           "name": person.name, "sys": admin, "sys_level": 1 if admin else 0}}

    @call("failed_events", "GET", "/call_back/get_call_back_failed_result", token="app")
    def failed_events(self, visit: Visit) -> dict[str, Any]:
        return self.world.events.fetch_failed()

    @call("oapi_unknown", "*", "/topapi/{rest:.*}")
    def unknown_api(self, visit: Visit) -> dict[str, Any]:
        raise OapiError(22, "Invalid method")

    @call("unknown", "*", "/{rest:.*}")
    def unknown_path(self, visit: Visit) -> dict[str, Any]:
        raise OapiError(404, "请求的URI地址不存在")

    # -- what they share ------------------------------------------------------------------------

    def _employee(self, body: dict[str, Any]) -> Person:
        organisation, userid = self.world.organisation, body.get("userid")
        login_id = body.get("login_id")
        if isinstance(login_id, str) and login_id:  # overrides userid for enterprise accounts
            userid = next((p.userid for p in organisation.everybody()
                           if p.member.get("login_id") == login_id), login_id)
        if userid is None or userid == "":
            raise OapiError(60111, "userid不能为空")
        if not isinstance(userid, str) or len(userid) > 64:
            raise OapiError(33012, "无效的userid")
        person = organisation.employee(userid)
        if person is None:
            raise OapiError(60121, "找不到该用户")
        if not self.world.in_scope(person):
            raise OapiError(50002, "请求的员工userid不在授权范围内")
        return person

    def _record(self, person: Person) -> dict[str, Any]:
        record = {"userid": person.userid, "unionid": person.unionid, **person.member}
        for permission, names in FIELDS.items():
            if not self.world.granted(permission):
                for name in names:
                    record.pop(name, None)
        return record

    # -- the language ---------------------------------------------------------------------------

    def refuse(self, reason: str, detail: str | None = None) -> None:
        errcode, errmsg, wrap = _REFUSALS[reason]
        if reason == "method":
            errcode, errmsg = _METHODS[detail]
        raise OapiError(errcode, errmsg.format(detail), wrap)

    def find_token(self, request: web.Request) -> str | None:
        return request.query.get("access_token")

    def encode(self, payload: dict[str, Any]) -> Reply:
        payload = {"errcode": 0, "errmsg": "ok", **payload}
        if "result" in payload:
            payload["request_id"] = oapi_request_id()
        return Reply(200, self.encode_payload(payload))

    def encode_error(self, error: OapiError, what: Call) -> Reply:
        # gettoken, the one call without a token, does not wrap
        wrap = error.wrap and what.token is not None and self.world.settings.wrapped
        payload = oapi_error(error.errcode, error.errmsg, wrap)
        return Reply(200, self.encode_payload(payload), code=error.errcode)

    def busy(self) -> Reply:
        return Reply(200, self.encode_payload(oapi_error(-1, "系统繁忙", False)), code=-1)


_METHODS = {"GET": (43001, "需要GET请求"), "POST": (43002, "需要POST请求")}
_REFUSALS = {
    "method": (0, "", False),
    "ip": (60020, "访问ip不在白名单之中,request ip={}", True),
    "qps": (90018, "您的服务器调用钉钉开放平台当前接口的所有请求都被暂时禁用了", True),
    "token missing": (40000, "access_token is blank", True),
    "token unknown": (40014, "不合法的access_token", True),
    "token expired": (42001, "access_token超时", True),
    "permission": (60011, "应用尚未开通所需的权限：[{}]", True),
    "content type": (43004, "无效的HTTP HEADER Content-Type", False),
    "json": (43009, "POST参数非JSON格式", False),
}
