# SPDX-License-Identifier: Apache-2.0
"""The vendors' published signatures, before the simulator's own checks."""

import hashlib
import sys
import time

import pytest
from client import send_to
from dingtalk.signatures import BadSignature, Signed, check_acs3, check_tc3

NOTHING = hashlib.sha256(b"").hexdigest()
KEYS = {"YourAccessKeyId": "YourAccessKeySecret", "STS.YourAccessKeyId": "YourAccessKeySecret"}
SEND_SMS = ("OutId=otp-0001&PhoneNumbers=13800138000&SignName=%E9%98%BF%E9%87%8C%E4%BA%91"
            "&TemplateCode=SMS_154950909&TemplateParam=%7B%22code%22%3A%22123456%22%7D")
TRAPS = ("PhoneNumbers=85251234567&SignName=A%2BB%20%2A%E6%B5%8B%E8%AF%95~%28x%29%21"
         "&TemplateCode=SMS_1&TemplateParam=%7B%22code%22%3A%22000123%22%2C%22app%22%3A%22"
         "o%27k%20%2F%3D%26%25%22%7D")
SERVERS = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
STS = {"x-acs-accesskey-id": "STS.YourAccessKeyId", "x-acs-security-token": "YourSecurityToken=="}


def acs3(query, nonce, signature, key="YourAccessKeyId", date="2026-01-02T03:04:05Z",
         host="dysmsapi.aliyuncs.com", action="SendSms", version="2017-05-25", more=()):
    headers = {"host": host, "x-acs-action": action, "x-acs-content-sha256": NOTHING,
               "x-acs-date": date, "x-acs-signature-nonce": nonce, "x-acs-version": version,
               **dict(more)}
    names = ";".join(sorted(headers))
    headers["authorization"] = (f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={names},"
                                f"Signature={signature}")
    return Signed("POST", "/", query, headers, b"")


ACS3 = {
    "A1": (1698315752, acs3(
        SERVERS, "3156853299f313e23d1673dc12e1703d",
        "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
        date="2023-10-26T10:22:32Z", host="ecs.cn-shanghai.aliyuncs.com", action="RunInstances",
        version="2014-05-26")),
    "A2": (1767323045, acs3(
        SEND_SMS, "0123456789abcdef0123456789abcdef",
        "03632f3d3a49273741f1781591309e6418ffb23524bcc532432eefe7eb7ec2dd")),
    "A3": (1767323045, acs3(
        TRAPS, "fedcba9876543210fedcba9876543210",
        "cfabc9167d03e6426bf2e064aac3832ee23fff1074a3d2016a2461846d55964d",
        key="STS.YourAccessKeyId", more=STS)),
    "A4": (1767323045, acs3(
        SEND_SMS, "96da2f590cd7246bbde0051047b0d6f7",
        "009444d8cefcc56d1390c902e44fe1e94dcaa0ab36d058044cb5736b12066776")),
}

TC3_KEYS = {"AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE": "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
            "AKID" + "*" * 32: "*" * 32}
SERVER_BODY = (rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], '
               rb'"Name": "instance-name"}]}')
SMS_BODY = (
    '{"PhoneNumberSet":["+8613800138000"],"SmsSdkAppId":"1400006666","SignName":"腾讯云",'
    '"TemplateId":"1110","TemplateParamSet":["123456"],"SessionContext":"otp-0001"}').encode()


def tc3(signature, stamp=1767323045, date="2026-01-02", service="sms", body=SMS_BODY,
        names="content-type;host", kind="application/json; charset=utf-8", action="SendSms",
        key="AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"):
    headers = {"host": f"{service}.tencentcloudapi.com", "content-type": kind,
               "x-tc-action": action, "x-tc-timestamp": str(stamp), "x-tc-version": "2021-01-11",
               "x-tc-region": "ap-guangzhou",
               "authorization": f"TC3-HMAC-SHA256 Credential={key}/{date}/{service}/tc3_request, "
                                f"SignedHeaders={names}, Signature={signature}"}
    return stamp, service, Signed("POST", "/", "", headers, body)


ACTION = "content-type;host;x-tc-action"
TC3 = {
    "T1": tc3("72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168", 1551113065,
              "2019-02-25", "cvm", SERVER_BODY),
    "T1b": tc3("10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f", 1551113065,
               "2019-02-25", "cvm", SERVER_BODY, ACTION, action="DescribeInstances",
               key="AKID" + "*" * 32),
    "T2": tc3("f7e91708d32b781652bcc6e94d1bc3526292eebf80ccb355858457b3c1b481a6"),
    "T2b": tc3("8ffea0ec757910a585c6a5ec22d1ac192ed403d28ac7819ae1fae196965a14fc", names=ACTION),
    "T2c": tc3("cad9bce2d82568ef58924255939a34cbc0de7a11acee8036e47f538890d7de5a",
               kind="application/json"),
    "T3": tc3("d8cce92939d965ad8410eb8dd4a925bcdd7a1e42acd0c2c3bb6c4e00b450d5c3", 1796342404,
              "2026-12-04"),
}


@pytest.mark.parametrize("name", ACS3)
def test_the_published_signatures_of_aliyun_are_right(name):
    now, request = ACS3[name]
    assert check_acs3(request, KEYS, now) == request.headers["x-acs-signature-nonce"]
    with pytest.raises(BadSignature, match="SignatureDoesNotMatch"):
        check_acs3(Signed("POST", "/", request.query + "0", request.headers, b""), KEYS, now)


@pytest.mark.parametrize("name", TC3)
def test_the_published_signatures_of_tencent_are_right(name):
    now, service, request = TC3[name]
    check_tc3(request, TC3_KEYS, service, now)
    with pytest.raises(BadSignature, match="AuthFailure.SignatureFailure"):
        check_tc3(Signed("POST", "/", "", request.headers, request.body + b" "), TC3_KEYS, service,
                  now)


def test_the_published_example_of_aliyun_sends_a_message_on_its_day(sim):
    sim.control("settings", {"aliyun_key": "YourAccessKeyId", "sms_signs": ["阿里云"],
                             "aliyun_secret": "YourAccessKeySecret"})
    now, request = ACS3["A2"]
    sim.control("clock", {"advance": now - time.time()})
    answer = send_to(sim.hello["aliyun"], path=f"/?{request.query}", headers=request.headers)
    assert answer.json["Code"] == "OK"
    assert sim.control("inbox")[0]["id"] == "otp-0001"


@pytest.mark.parametrize("name", ["T2", "T2b", "T2c", "T3"])
def test_the_published_example_of_tencent_sends_a_message_on_its_day(sim, name):
    key, secret = next(iter(TC3_KEYS.items()))
    sim.control("settings", {"tencent_key": key, "tencent_secret": secret, "sms_signs": ["腾讯云"]})
    now, _, request = TC3[name]
    sim.control("clock", {"advance": now - time.time()})
    answer = send_to(sim.hello["tencent"], headers=request.headers, body=request.body)
    assert answer.json["Response"]["SendStatusSet"][0]["Code"] == "Ok"
    assert sim.control("inbox")[0]["code"] == "123456"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
