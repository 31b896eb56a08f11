# SPDX-License-Identifier: Apache-2.0
"""dysmsapi.aliyuncs.com: Aliyun's SMS gateway, version 2017-05-25, the one action SendSms."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from typing import Any

from aiohttp import web

from .host import Call, DingTalkError, Host, Visit, call
from .inbox import abroad, mainland
from .reply import Reply
from .signatures import BadSignature, Signed, check_acs3

VARIABLE = re.compile(r"\$\{(\w+)\}")
NO_ACTION = "InvalidAction.NotFound"
STATUS = {NO_ACTION: 404, "ServiceUnavailable": 503}  # of the gateway's errors; else 400


class AliyunError(DingTalkError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


class Aliyun(Host):
    """Errors of the service are HTTP 200 with a Code, those of the gateway before it HTTP 400."""

    @call("aliyun_sms", "POST", "/")
    def send_sms(self, visit: Visit) -> dict[str, Any]:
        query = visit.request.query
        for name in ("PhoneNumbers", "SignName", "TemplateCode"):
            if not query.get(name):
                raise AliyunError(f"Missing{name}", f"{name} is mandatory for this action.")
        template = self._template(query["SignName"], query["TemplateCode"])
        phones = self._phones(query["PhoneNumbers"], template["international"])
        params = _params(query.get("TemplateParam", ""), template["text"])
        text = VARIABLE.sub(lambda variable: params[variable[1]], template["text"])
        for phone in phones:
            self.world.inbox.deliver(
                "aliyun", phone, f"【{query['SignName']}】{text}", params.get("code"),
                sign=query["SignName"], template=query["TemplateCode"], params=params,
                id=query.get("OutId"))
        return {"Message": "OK", "Code": "OK", "BizId": f"{secrets.randbelow(10 ** 18):018}^0"}

    @call("aliyun_unknown", "*", "/{rest:.*}")
    def unknown(self, visit: Visit) -> dict[str, Any]:
        raise AliyunError(NO_ACTION, "Specified api is not found.")

    # -- what SendSms looks at ------------------------------------------------------------------

    def _template(self, sign: str, code: str) -> dict[str, Any]:
        settings = self.world.settings
        if sign not in settings.sms_signs:
            raise AliyunError("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if code not in settings.aliyun_templates:
            raise AliyunError("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
        return settings.aliyun_templates[code]

    def _phones(self, numbers: str, international: bool) -> list[str]:
        phones = []
        for number in numbers.split(","):
            # 11 digits are a country code and a number with an international template only
            at_home = mainland(number.removeprefix("+"))
            phone = abroad(number) if international else at_home
            if phone is None and international and at_home:
                raise AliyunError("isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
                                  "国际/港澳台消息模板不支持发送境内号码")
            if phone is None:
                raise AliyunError("isv.MOBILE_NUMBER_ILLEGAL", f"{number}invalid mobile number")
            limit = self.world.sms_limit("aliyun", phone)
            if limit:
                raise AliyunError("isv.BUSINESS_LIMIT_CONTROL", f"触发{limit[0]}")
            phones.append(phone)
        return phones

    # -- the language ---------------------------------------------------------------------------

    def gate(self, what: Call, request: web.Request, raw: bytes) -> Visit:
        settings = self.world.settings
        keys = {settings.aliyun_key: settings.aliyun_secret}
        try:
            nonce = check_acs3(Signed.of(request, raw), keys, self.world.now())
        except BadSignature as error:
            raise AliyunError(error.code, error.message) from None
        if nonce in self.world.nonces:
            raise AliyunError("SignatureNonceUsed", "Specified signature nonce was used already.")
        self.world.nonces.add(nonce)
        if self.world.too_fast(what.name):
            raise AliyunError("Throttling.User", "Request was denied due to user flow control.")
        if request.headers["x-acs-version"] != "2017-05-25":
            raise AliyunError("InvalidVersion", "Specified parameter Version is not valid.")
        if (request.method, request.headers["x-acs-action"]) != ("POST", "SendSms"):
            raise AliyunError(NO_ACTION, "Specified api is not found.")
        return Visit(request)

    def encode(self, payload: dict[str, Any]) -> Reply:
        return self._reply(200, payload)

    def encode_error(self, error: AliyunError, what: Call) -> Reply:
        return self.named_error(error.code, error.message)

    def busy(self) -> Reply:
        return self.named_error("ServiceUnavailable", "The request has failed due to a temporary "
                                "failure of the server.")

    def named_error(self, code: str, message: str, detail: dict | None = None) -> Reply:
        payload = {"Message": message, "Code": code, **(detail or {})}
        if code.startswith(("isv.", "isp.")):
            return self._reply(200, payload, code)
        payload.update(HostId="dysmsapi.aliyuncs.com", Recommend="https://api.aliyun.com/"
                       f"troubleshoot?q={code}&product=Dysmsapi")
        return self._reply(STATUS.get(code, 400), payload, code)

    def _reply(self, status: int, payload: dict[str, Any], code: str | None = None) -> Reply:
        payload = {**payload, "RequestId": str(uuid.uuid4()).upper()}
        return Reply(status, self.encode_payload(payload), code=code)


def _params(text: str, template: str) -> dict[str, str]:
    """The values of a template's variables."""
    try:
        params = json.loads(text or "{}")
    except ValueError:
        params = None
    if not isinstance(params, dict) or not all(isinstance(v, str) for v in params.values()):
        raise AliyunError("isv.INVALID_JSON_PARAM", "JSON参数不合法，变量值须为字符串")
    for name in VARIABLE.findall(template):
        if not params.get(name):
            raise AliyunError("isv.TEMPLATE_MISSING_PARAMETERS", f"模板变量{name}缺失")
    if any("://" in value for value in params.values()):
        raise AliyunError("isv.PARAM_NOT_SUPPORT_URL", "变量不支持传入URL")
    if "code" in params and not re.fullmatch(r"[0-9A-Za-z]{4,6}", params["code"]):
        raise AliyunError("isv.TEMPLATE_PARAMS_ILLEGAL", "验证码变量应为4-6位数字或字母")
    return params
