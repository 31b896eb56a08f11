# SPDX-License-Identifier: Apache-2.0
"""Every switch of the simulated DingTalk, with the value it starts with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

CALLBACK_STYLES = ("both", "authCode", "code")

# Permission points of the app. The two field permissions have no confirmed machine code; these
# are the names one third-party source uses.
PERMISSIONS = (
    "open_app_api_base",
    "Contact.User.Read",
    "Contact.User.mobile",
    "qyapi_base",
    "qyapi_get_member",
    "fieldMobile",
    "fieldEmail",
)

AT_HOME = "您的验证码是 %s，5 分钟内有效。"
ABROAD = "Your verification code is %s. It is good for 5 minutes."


@dataclass
class Settings:
    """What can be changed through POST /_sim/settings."""

    # lifetimes in seconds
    app_token_lifetime: float = 7200
    user_token_lifetime: float = 7200
    refresh_token_lifetime: float = 30 * 86400
    code_lifetime: float = 300

    # the login page
    callback_style: str = "both"  # which names carry the code: both, authCode, code
    deny_error: str = "access_denied"  # the real values are not documented
    redirect_uris: list = field(default_factory=list)  # none registered: loopback only
    strict_redirect: bool = False  # compare the whole address instead of scheme and host
    block_outsiders: bool = False  # stop people of other organisations on DingTalk's page
    corp_id_in_token: bool = True  # corpId in the userAccessToken reply (scope corpid only)

    # events
    event_time_limit: float = 1.2  # seconds for the answer to a push: the shortest documented
    failed_cleared: str = "next"  # when what a call returned is gone: "next" call, or "now"
    failed_nested: bool = False  # entries of failed pushes in an object named like their type

    # the wire
    stringified: bool = False  # numbers, booleans and arrays as strings, like the doc samples
    wrapped: bool = True  # authorisation failures of oapi inside errcode 88
    capital_keys: bool = False  # Code, RequestId, Message instead of code, requestid, message

    # limits
    ip_allowed: bool = True  # is our address in the app's egress list?
    ip_covers_tokens: bool = False  # does the egress list hold for the token calls, too?
    qps: int | None = None  # calls per second and API
    sms_limits: bool = False  # 1 message a minute, 5 an hour, 10 a day for each phone
    contact_scope: list | None = None  # userids the app may see; None: see "in_scope" of each
    permissions: dict = field(default_factory=lambda: dict.fromkeys(PERMISSIONS, True))

    # what is registered with the SMS gateways
    aliyun_key: str = "LTAI5tSimulatedAccessKey"
    aliyun_secret: str = "Simulated-Aliyun-Secret-000001"
    aliyun_templates: dict = field(default_factory=lambda: {
        "SMS_154950909": {"text": AT_HOME % "${code}", "international": False},
        "SMS_154950910": {"text": ABROAD % "${code}", "international": True}})
    tencent_key: str = "AKIDSimulatedSecretId00000000000001"
    tencent_secret: str = "Simulated-Tencent-Secret-00001"
    tencent_app: str = "1400006666"
    tencent_templates: dict = field(default_factory=lambda: {
        "1110": {"text": AT_HOME % "{1}", "international": False},
        "1111": {"text": ABROAD % "{1}", "international": True},
        "1112": {"text": AT_HOME.replace("5 ", "{2} ") % "{1}", "international": False}})
    sms_signs: list = field(default_factory=lambda: ["演示公司", "Demo Ltd"])

    def update(self, changes: dict[str, Any]) -> None:
        """Apply changes, all or nothing; ValueError says which one is wrong."""
        known = {item.name for item in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name}")
            if name == "permissions":
                self._check_permissions(value)
            elif name == "callback_style" and value not in CALLBACK_STYLES:
                raise ValueError(f"callback_style is one of {', '.join(CALLBACK_STYLES)}")
            elif name == "failed_cleared" and value not in ("next", "now"):
                raise ValueError("failed_cleared is next or now")
            elif isinstance(getattr(self, name), bool) and not isinstance(value, bool):
                raise ValueError(f"{name} is true or false")
            elif name.endswith(("_lifetime", "_limit")) and (
                isinstance(value, bool) or not isinstance(value, (int, float))
            ):
                raise ValueError(f"{name} is a number of seconds")
        for name, value in changes.items():
            if name == "permissions":
                self.permissions.update(value)
            else:
                setattr(self, name, value)

    def _check_permissions(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise ValueError("permissions is an object of name: true or false")
        for name, granted in value.items():
            if name not in self.permissions or not isinstance(granted, bool):
                raise ValueError(f"unknown permission {name}, or not true or false")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
