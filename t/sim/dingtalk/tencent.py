# SPDX-License-Identifier: Apache-2.0
"""sms.tencentcloudapi.com: Tencent's SMS gateway, version 2021-01-11, the one action SendSms."""

from __future__ import annotations

import re
import secrets
import uuid
from typing import Any

from aiohttp import web

from .host import Call, DingTalkError, Host, Visit, call
from .inbox import abroad, mainland
from .reply import Reply
from .signatures import BadSignature, Signed, check_tc3

MOST_NUMBERS = 200
VARIABLE = re.compile(r"\{(\d+)\}")
# These are said of one number, inside of SendStatusSet; all others refuse the whole call.
OF_ONE_NUMBER = re.compile(r"LimitExceeded\.(?!PhoneNumberCountLimit)|FailedOperation\.|"
                           r"UnsupportedOperation\.|InvalidParameterValue\.IncorrectPhoneNumber")


class TencentError(DingTalkError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


class Tencent(Host):
    """Every answer is HTTP 200; an error is in Response.Error or in a number's status."""

    @call("tencent_sms", "POST", "/")
    def send_sms(self, visit: Visit) -> dict[str, Any]:
        body, settings = visit.body, self.world.settings
        numbers, params = self._strings(body, "PhoneNumberSet"), self._params(body)
        if len(numbers) > MOST_NUMBERS:
            raise TencentError("LimitExceeded.PhoneNumberCountLimit", "too many phone numbers")
        if not numbers:
            raise TencentError("MissingParameter.EmptyPhoneNumberSet", "no phone number")
        if body.get("SmsSdkAppId") != settings.tencent_app:
            raise TencentError("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId 校验失败")
        return {"SendStatusSet": [self._one(number, body, params) for number in numbers]}

    @call("tencent_unknown", "*", "/{rest:.*}")
    def unknown(self, visit: Visit) -> dict[str, Any]:
        raise TencentError("InvalidAction", "no such path")

    # -- what SendSms looks at ------------------------------------------------------------------

    def _strings(self, body: dict[str, Any], name: str) -> list[str]:
        value = body.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TencentError("InvalidParameter", f"{name} is not an array of strings")
        return value

    def _params(self, body: dict[str, Any]) -> list[str]:
        params = self._strings(body, "TemplateParamSet")
        if not all(re.fullmatch("[0-9]{0,6}", value) for value in params):
            raise TencentError("InvalidParameterValue.TemplateParameterFormatError",
                               "验证码模板参数格式错误，须为0-6位纯数字")
        return params

    def _one(self, number: str, body: dict[str, Any], params: list[str]) -> dict[str, Any]:
        """Send to one number: its status."""
        sign, identifier = body.get("SignName") or None, body.get("SessionContext")
        phone = mainland(number) or (abroad(number[1:]) if number.startswith("+") else None)
        template = self.world.settings.tencent_templates.get(body.get("TemplateId"))
        problem = self._problem(phone, sign, template, params)
        if problem:
            return self._status(problem, "send failed", number, identifier)
        text = VARIABLE.sub(lambda variable: params[int(variable[1]) - 1], template["text"])
        self.world.inbox.deliver(
            "tencent", phone, f"【{sign}】{text}" if sign else text, params[0] if params else None,
            sign=sign, template=body["TemplateId"], params=params, id=identifier)
        return self._status("Ok", "send success", phone, identifier)

    def _problem(self, phone: str | None, sign: str | None, template: dict[str, Any] | None,
                 params: list[str]) -> str | None:
        settings = self.world.settings
        if phone is None:
            return "InvalidParameterValue.IncorrectPhoneNumber"
        at_home = phone.startswith("+86")
        if sign not in settings.sms_signs and (at_home or sign is not None):
            return "FailedOperation.SignatureIncorrectOrUnapproved"
        if template is None or len(params) != len(set(VARIABLE.findall(template["text"]))):
            return "FailedOperation.TemplateIncorrectOrUnapproved"
        if at_home and template["international"]:
            return "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone"
        if not at_home and not template["international"]:
            return "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone"
        limit = self.world.sms_limit("tencent", phone)
        return f"LimitExceeded.{limit[1]}" if limit else None

    @staticmethod
    def _status(code: str, message: str, phone: str, identifier: str | None) -> dict[str, Any]:
        good = code == "Ok"
        return {"SerialNo": f"5000:{secrets.randbelow(10 ** 18):018}" if good else "",
                "PhoneNumber": phone, "Fee": int(good), "SessionContext": identifier or "",
                "Code": code, "Message": message,
                "IsoCode": "CN" if phone.startswith("+86") else ""}

    # -- the language ---------------------------------------------------------------------------

    def gate(self, what: Call, request: web.Request, raw: bytes) -> Visit:
        settings, headers = self.world.settings, request.headers
        keys = {settings.tencent_key: settings.tencent_secret}
        try:
            check_tc3(Signed.of(request, raw), keys, "sms", self.world.now())
        except BadSignature as error:
            raise TencentError(error.code, error.message) from None
        if self.world.too_fast(what.name):
            raise TencentError("RequestLimitExceeded", "too many requests")
        if request.method != "POST" or headers.get("X-TC-Action") != "SendSms":
            raise TencentError("InvalidAction", "X-TC-Action is not SendSms, or not by POST")
        if headers.get("X-TC-Version") != "2021-01-11":
            raise TencentError("NoSuchVersion", "X-TC-Version is not 2021-01-11")
        if not headers.get("X-TC-Region"):
            raise TencentError("MissingParameter", "X-TC-Region is missing")
        return Visit(request, self.read_body(request, raw))

    def refuse(self, reason: str, detail: str | None = None) -> None:
        raise TencentError("InvalidParameter", f"the request is malformed: {reason}")

    def encode(self, payload: dict[str, Any]) -> Reply:
        bad = [status["Code"] for status in payload["SendStatusSet"] if status["Code"] != "Ok"]
        return self._reply(payload, bad[0] if bad else None)

    def encode_error(self, error: TencentError, what: Call) -> Reply:
        return self.named_error(error.code, error.message)

    def busy(self) -> Reply:
        return self.named_error("RequestLimitExceeded", "too many requests")

    def named_error(self, code: str, message: str, detail: dict | None = None) -> Reply:
        payload: dict[str, Any] = {"Error": {"Code": code, "Message": message}}
        if OF_ONE_NUMBER.match(code):
            payload = {"SendStatusSet": [self._status(code, message, "+8613800138000", None)]}
        return self._reply(payload, code)

    def _reply(self, payload: dict[str, Any], code: str | None) -> Reply:
        body = self.encode_payload({"Response": {**payload, "RequestId": str(uuid.uuid4())}})
        return Reply(200, body, "application/json", code=code)
