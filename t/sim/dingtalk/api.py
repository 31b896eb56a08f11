# SPDX-License-Identifier: Apache-2.0
"""api.dingtalk.com: token in a header, camelCase JSON, errors by HTTP status and code."""

from __future__ import annotations

import hmac
from typing import Any

from aiohttp import web

from .host import Call, DingTalkError, Host, Visit, call
from .reply import Reply, api_headers

TOKEN_HEADER = "x-acs-dingtalk-access-token"
DENIED = "Forbidden.AccessDenied."


class ApiError(DingTalkError):
    def __init__(self, status: int, code: str, message: str, detail: dict | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.detail = status, code, message, detail


class Api(Host):
    """The "new" API."""

    # -- calls ----------------------------------------------------------------------------------

    @call("userAccessToken", "POST", "/v1.0/oauth2/userAccessToken",
          permission="open_app_api_base")
    def user_access_token(self, visit: Visit) -> dict[str, Any]:
        body, vault = visit.body, self.world.vault
        self._check_client(body.get("clientId"), body.get("clientSecret"))
        client_id = body["clientId"]
        kind = body.get("grantType")
        if kind == "authorization_code":
            grant = vault.spend_code(_text(body.get("code")), client_id)
            if grant is None:
                raise ApiError(400, "invalidParameter.authCode.notFound", "不合法的临时授权码")
        elif kind == "refresh_token":
            grant = vault.spend_refresh_token(_text(body.get("refreshToken")), client_id)
            if grant is None:  # the documentation does not name this error
                raise ApiError(400, "InvalidAuthentication", "不合法的refreshToken")
        else:
            raise ApiError(400, "unsupported.grant.type", "不支持的grantType")
        access, refresh = vault.issue_user_tokens(grant)
        reply = {"accessToken": access, "refreshToken": refresh,
                 "expireIn": int(self.world.settings.user_token_lifetime)}
        if grant.corp_id is not None and self.world.settings.corp_id_in_token:
            reply["corpId"] = grant.corp_id
        return reply

    @call("users_me", "GET", "/v1.0/contact/users/me",
          token="user", permission="Contact.User.Read")
    def users_me(self, visit: Visit) -> dict[str, Any]:
        return self._profile(visit, self.world.organisation.people.get(visit.grant.userid))

    @call("users_get", "GET", "/v1.0/contact/users/{unionId}",
          token="user", permission="Contact.User.Read")
    def users_get(self, visit: Visit) -> dict[str, Any]:
        unionid = visit.request.match_info["unionId"]
        return self._profile(visit, self.world.organisation.by_unionid(unionid))

    @call("accessToken", "POST", "/v1.0/oauth2/accessToken")
    def access_token(self, visit: Visit) -> dict[str, Any]:
        self._check_client(visit.body.get("appKey"), visit.body.get("appSecret"))
        return {"accessToken": self.world.vault.issue_app_token(),
                "expireIn": int(self.world.settings.app_token_lifetime)}

    @call("corpToken", "POST", "/v1.0/oauth2/{corpId}/token", permission="qyapi_base")
    def corp_token(self, visit: Visit) -> dict[str, Any]:
        body = visit.body
        if not self.is_client(body.get("client_id"), body.get("client_secret")):
            raise ApiError(400, "invalid.client", "无效的client_id或者client_secret")
        if body.get("grant_type") != "client_credentials":
            raise ApiError(400, "unsupported.grant.type", "不支持的grant_type")
        if visit.request.match_info["corpId"] != self.world.app.corp_id:
            raise ApiError(500, "unknownError", "未知错误")
        return {"access_token": self.world.vault.issue_app_token(),
                "expires_in": int(self.world.settings.app_token_lifetime)}

    @call("api_unknown", "*", "/v1.0/{rest:.*}")
    def unknown(self, visit: Visit) -> dict[str, Any]:
        self.refuse("method")

    # -- what they share ------------------------------------------------------------------------

    def is_client(self, client_id: Any, secret: Any) -> bool:
        app = self.world.app
        return client_id == app.client_id and hmac.compare_digest(
            _text(secret).encode(), app.client_secret.encode())

    def _check_client(self, client_id: Any, secret: Any) -> None:
        if not self.is_client(client_id, secret):
            raise ApiError(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")

    def _profile(self, visit: Visit, person: Any) -> dict[str, Any]:
        if not visit.grant.consented:  # login without prompt=consent
            self.refuse("permission", "Contact.User.Read")
        if person is None:
            raise ApiError(404, "invalidParameter.user.notFound", "用户不存在")
        profile = {**person.personal, "unionId": person.unionid}
        if not self.world.granted("Contact.User.mobile"):
            profile.pop("mobile", None)
        return profile

    # -- the language ---------------------------------------------------------------------------

    def refuse(self, reason: str, detail: str | None = None) -> None:
        if reason == "permission":
            raise ApiError(403, DENIED + "AccessTokenPermissionDenied", "没有调用该接口的权限",
                           {"requiredScopes": [detail]})
        if reason == "token expired" and detail == "user":
            raise ApiError(400, "accesstoken.expired", "用户的access_token已过期")
        raise ApiError(*_REFUSALS[reason])

    def find_token(self, request: web.Request) -> str | None:
        return request.headers.get(TOKEN_HEADER)

    def encode(self, payload: Any) -> Reply:
        return Reply(200, self.encode_payload(payload), headers=api_headers())

    def encode_error(self, error: ApiError, what: Call) -> Reply:
        return self._error(error)

    def busy(self) -> Reply:
        return self._error(ApiError(503, "serviceBusy", "服务繁忙，请稍后再试"))

    def _error(self, error: ApiError) -> Reply:
        reply = self.named_error(error.code, error.message, error.detail)
        reply.status = error.status
        return reply


_BODY = (400, "Missingbody", "body is mandatory for this action.")
_BAD_TOKEN = (400, "InvalidAuthentication", "不合法的access_token")
_REFUSALS = {
    "method": (404, "InvalidAction.NotFound",
               "Specified api is not found, please check your url and method."),
    "ip": (403, DENIED + "IpNotInWhiteList", "访问ip不在白名单之中"),
    "qps": (403, DENIED + "QpsLimitForAppkeyAndApi", "调用频率超过限制，请稍后再试"),
    "token missing": (400, "AuthenticationFailed.MissingParameter",
                      f"缺少参数：{TOKEN_HEADER}"),
    "token unknown": _BAD_TOKEN,
    "token expired": _BAD_TOKEN,
    "content type": _BODY,
    "json": _BODY,
}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
