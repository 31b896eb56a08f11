# SPDX-License-Identifier: Apache-2.0
"""Signatures of requests, by the rules of ACS3-HMAC-SHA256 (Aliyun), TC3-HMAC-SHA256 (Tencent)."""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from typing import Mapping
from urllib.parse import parse_qsl, quote

from aiohttp import web

ACS3 = re.compile(r"ACS3-HMAC-SHA256 Credential=([^, ]+),SignedHeaders=([a-z0-9;-]+),"
                  r"Signature=([0-9a-f]{64})")
ACS3_WINDOW = 15 * 60
ACS3_NEEDED = ("x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce",
               "x-acs-content-sha256")
TC3 = re.compile(r"TC3-HMAC-SHA256 Credential=([^/ ]+)/([0-9-]+)/([a-z]+)/tc3_request, "
                 r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})")
TC3_WINDOW = 5 * 60


class BadSignature(Exception):
    """A request is not what its sender signed; the provider's code for it, and a text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Signed:
    """What a signature covers, as it was on the wire."""

    method: str
    path: str
    query: str  # raw
    headers: Mapping[str, str]  # by lower-case name
    body: bytes

    @classmethod
    def of(cls, request: web.Request, body: bytes) -> "Signed":
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        return cls(request.method, path, query, headers, body)

    def header(self, name: str) -> str:
        return self.headers.get(name, "").strip()

    def lines(self, names: list[str], lower: bool) -> str:
        values = {name: self.header(name) for name in names}
        return "".join(f"{name}:{value.lower() if lower else value}\n"
                       for name, value in values.items())


def check_acs3(request: Signed, secrets: Mapping[str, str], now: float) -> str:
    """The nonce of a request that Aliyun would let in."""
    match = ACS3.fullmatch(request.header("authorization"))
    if not match:
        raise BadSignature("IncompleteSignature", "Authorization is missing or malformed")
    key, names, given = match[1], match[2].split(";"), match[3]
    if key not in secrets:
        raise BadSignature("InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    for name in ACS3_NEEDED:
        if not request.header(name):
            raise BadSignature("IncompleteSignature", f"the header {name} is missing")
    _check_date(request.header("x-acs-date"), now)
    must = {name for name in request.headers
            if name.startswith("x-acs-") or name in ("host", "content-type")}
    _check_names(request, names, must, "SignatureDoesNotMatch")
    content = _hash(request.body)
    if request.header("x-acs-content-sha256") != content:
        raise BadSignature("SignatureDoesNotMatch", "x-acs-content-sha256 is not the body's hash")
    canonical = "\n".join((request.method, request.path, _canonical_query(request.query),
                           request.lines(names, lower=False), ";".join(names), content))
    to_sign = f"ACS3-HMAC-SHA256\n{_hash(_bytes(canonical))}"
    if not hmac.compare_digest(given, _mac(secrets[key].encode(), to_sign).hex()):
        # The real gateway shows what it has calculated with, too
        raise BadSignature("SignatureDoesNotMatch", "Specified signature is not matched with our "
                           f"calculation. server canonicalRequest is:{canonical}")
    return request.header("x-acs-signature-nonce")


def check_tc3(request: Signed, secrets: Mapping[str, str], service: str, now: float) -> None:
    """Tencent lets this request in."""
    match = TC3.fullmatch(request.header("authorization"))
    if not match:
        raise BadSignature("AuthFailure.InvalidAuthorization",
                           "Authorization is missing or malformed")
    key, date, scope, signed, given = match.groups()
    if key not in secrets:
        raise BadSignature("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
    stamp = request.header("x-tc-timestamp")
    if not re.fullmatch("[0-9]{1,12}", stamp) or abs(now - int(stamp)) > TC3_WINDOW:
        raise BadSignature("AuthFailure.SignatureExpire", "The X-TC-Timestamp is too far from now.")
    if (date, scope) != (time.strftime("%Y-%m-%d", time.gmtime(int(stamp))), service):
        raise BadSignature("AuthFailure.SignatureFailure", "the credential scope is not the UTC "
                           "date of X-TC-Timestamp and this service")
    names = signed.split(";")
    _check_names(request, names, {"content-type", "host"}, "AuthFailure.SignatureFailure")
    canonical = "\n".join((request.method, request.path, request.query,
                           request.lines(names, lower=True), signed, _hash(request.body)))
    to_sign = (f"TC3-HMAC-SHA256\n{stamp}\n{date}/{scope}/tc3_request\n"
               f"{_hash(_bytes(canonical))}")
    signing = ("TC3" + secrets[key]).encode()
    for part in (date, scope, "tc3_request"):
        signing = _mac(signing, part)
    if not hmac.compare_digest(given, _mac(signing, to_sign).hex()):
        raise BadSignature("AuthFailure.SignatureFailure",
                           "The provided credentials could not be validated. CanonicalRequest is: "
                           + canonical)


def _check_date(text: str, now: float) -> None:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
            raise ValueError(text)
        date = calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        raise BadSignature("InvalidTimeStamp.Format", "x-acs-date is malformed") from None
    if abs(now - date) > ACS3_WINDOW:
        raise BadSignature("InvalidTimeStamp.Expired", "Specified time stamp or date value is "
                           "expired.")


def _check_names(request: Signed, names: list[str], must: set[str], code: str) -> None:
    """The signed headers: sorted, each once, each sent, and none left out that counts."""
    if names != sorted(set(names)):
        raise BadSignature(code, "SignedHeaders is not sorted")
    missing = (must - set(names)) | (set(names) - set(request.headers))
    if missing:
        raise BadSignature(code, f"not signed, or not sent: {', '.join(sorted(missing))}")


def _canonical_query(raw: str) -> str:
    pairs = parse_qsl(raw, keep_blank_values=True, errors="surrogateescape")
    return "&".join(f"{_percent(name)}={_percent(value)}" for name, value in sorted(pairs))


def _percent(text: str) -> str:
    return quote(text, safe="-_.~", errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, _bytes(text), hashlib.sha256).digest()
