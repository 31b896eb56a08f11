# SPDX-License-Identifier: Apache-2.0
"""What every generated answer must be, in one place."""

import re

from .site import CANARY


def own_answer(answer):
    """Any answer of the module: not cacheable, strict CSP, exact length, no protected byte."""
    assert "no-store" in (answer.get("Cache-Control") or ""), f"cacheable: {answer!r}"
    policy = answer.get("Content-Security-Policy")
    assert policy, f"no Content-Security-Policy: {answer!r}"
    assert "default-src 'none'" in policy or "default-src 'self'" in policy, policy
    for word in ("unsafe-inline", "unsafe-eval", "*", "http:", "data:"):
        assert word not in policy.split(), policy
    assert "unsafe" not in policy, policy
    assert answer.extra == b"", f"bytes after the answer: {answer.extra!r}"
    assert CANARY.encode() not in answer.body + answer.extra
    return answer


def redirect(answer, status, location=None):
    """A redirect of the module."""
    assert answer.status == status, f"expected {status}: {answer!r}"
    if location is not None:
        assert answer.location == location, answer
    return own_answer(answer)


def page(httpd, answer, status, text=None):
    """A page for a person, with an error id that stands in the error log."""
    assert answer.status == status, f"expected {status}: {answer!r}"
    own_answer(answer)
    assert (answer.get("Content-Type") or "").lower().startswith("text/html"), answer.headers
    assert "utf-8" in answer.get("Content-Type").lower()
    assert re.fullmatch(r"[A-Za-z0-9_-]{6,40}", answer.error_id or ""), f"no error id: {answer!r}"
    assert answer.error_id in answer.text, "the id is not on the page"
    httpd.expect_log(rf"DT\d+: .*{re.escape(answer.error_id)}")
    if text is not None:
        assert re.search(text, answer.text), f"{text!r} not in {answer.text}"
    return answer


def denied(httpd, answer, text=None):
    """We know, and the answer is no."""
    page(httpd, answer, 403, text)
    assert not answer.get("Retry-After")
    no_session(answer)
    return answer


def unknown(httpd, answer, text=None):
    """We could not find out."""
    page(httpd, answer, 503, text)
    assert int(answer.get("Retry-After")) > 0
    no_session(answer)
    return answer


def login_json(answer):
    """The 401 for a program: where a person may sign in, and no ticket."""
    assert answer.status == 401, f"expected 401: {answer!r}"
    own_answer(answer)
    assert answer.get("Content-Type").startswith("application/json"), answer.headers
    told = answer.json()
    assert told["error"] == "login_required"
    assert re.match(r"https?://", told["login_url"]), told
    no_ticket(answer)
    return told


def set_names(answer):
    """The names of cookies that an answer sets (deleted ones are not set)."""
    names = []
    for line in answer.set_cookies:
        name, _, rest = line.partition("=")
        if not rest.startswith(";") and "Max-Age=0" not in line and "1970" not in line:
            names.append(name)
    return names


def no_ticket(answer):
    """No sign-in was begun."""
    assert not [n for n in set_names(answer) if "-ticket-" in n], answer.set_cookies


def no_session(answer):
    """Nobody was signed in."""
    assert not [n for n in set_names(answer) if "ticket" not in n], answer.set_cookies


def notice(answer, status, text=None):
    """A page of the module that is no error."""
    assert answer.status == status, f"expected {status}: {answer!r}"
    own_answer(answer)
    assert (answer.get("Content-Type") or "").lower().startswith("text/html"), answer.headers
    if text is not None:
        assert re.search(text, answer.text), f"{text!r} not in {answer.text}"
    return answer
