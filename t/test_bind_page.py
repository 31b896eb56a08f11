# SPDX-License-Identifier: Apache-2.0
"""The bind page: what it shows and takes, with script and without."""

import re
import time
from urllib.parse import urlencode

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, BindPage, bound_site, gateway, store, stores, to_bind_page, user_of,
    whoami, with_codes, wrong)
from lib.browser import Client
from lib.steps import promised

PHONE, E164 = "13911111111", "+8613911111111"
ENGLISH = "en-GB,en;q=0.8"
WORDS = {"phone_invalid", "too_many", "code_wrong", "code_expired", "refused", "unavailable",
         "ticket_gone", "csrf"}


@pytest.fixture
def asking(bound_site, sim, store):
    """A site that binds by phone and code, with one account."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS))
    store.account("account-1", mobile=PHONE)
    return httpd


@pytest.fixture
def page(asking, visit):
    """The bind page of somebody who has no account yet."""
    return to_bind_page(visit(asking), path="/app/page.html?a=1&b=2")


def complaint(told, word):
    """JSON that says what is wrong, in the words of the contract."""
    assert told["ok"] is False and told["error"] == word, told
    assert word in WORDS and isinstance(told["message"], str) and told["message"], told
    assert set(told) <= {"ok", "error", "message", "tries_left", "retry_in", "error_id"}, told
    return told


# -- without script --------------------------------------------------------------------------------

def test_phone_and_code_lead_to_the_page_that_was_asked_for(page, sim, store):
    page.submit("/code", phone=PHONE)
    assert page.answer.status == 200
    answer = page.submit("/verify", code=sim.last_code(E164))
    assert answer.status == 200 and answer.url.endswith("/app/page.html?a=1&b=2")
    assert user_of(page.browser) == "account-1"
    assert store.bindings() == [(sim.who("zhangsan")["unionid"], "account-1")]


def test_afterwards_the_person_comes_in_without_a_code(page, asking, sim, visit):
    page.submit("/code", phone=PHONE)
    page.submit("/verify", code=sim.last_code(E164))
    browser = visit(asking)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1" and len(sim.inbox()) == 1


def test_a_wrong_code_is_said_beside_the_field_and_may_be_mended(page, sim):
    page.submit("/code", phone=PHONE)
    code = sim.last_code(E164)
    answer = page.submit("/verify", code=wrong(code))
    expect.own_answer(answer)
    assert page.markup.texts["code-error"].strip(), answer.text
    assert page.markup.elements["code"].get("aria-invalid") == "true"
    assert "code-error" in page.markup.elements["code"]["aria-describedby"]
    assert user_of(page.browser) is None
    page.submit("/verify", code=code)
    assert user_of(page.browser) == "account-1"


def test_a_wrong_number_is_said_beside_the_field_and_stays_in_it(page, sim):
    answer = page.submit("/code", phone="1391111111")
    expect.own_answer(answer)
    assert page.markup.texts["phone-error"].strip(), answer.text
    assert page.markup.elements["phone"].get("aria-invalid") == "true"
    assert page.markup.elements["phone"]["value"] == "1391111111"
    assert sim.inbox() == []


def test_asking_too_often_is_said_with_the_time_to_wait(bound_site, sim, store, visit):
    httpd = bound_site(*with_codes(sim))
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    page.submit("/code", phone=PHONE)
    answer = page.submit("/code", phone=PHONE)
    expect.own_answer(answer)
    assert re.search(r"\b([1-5]?\d|60) ?(秒|s\b)", re.sub("<[^>]*>", "", answer.text)), answer.text
    assert len(sim.inbox()) == 1


def test_an_elapsed_sign_in_is_said_with_a_way_to_begin_again(
        bound_site, sim, store, visit, clock):
    httpd = bound_site(*with_codes(sim), options={"clock": clock, "fresh": True})
    page = to_bind_page(visit(httpd))
    clock.advance(601)
    answer = page.submit("/code", phone=PHONE)
    expect.page(httpd, answer, answer.status)
    assert 400 <= answer.status < 500 and "/dingtalk/login" in answer.text
    complaint(page.ask(PHONE), "ticket_gone")
    assert sim.inbox() == []


# -- what the page is ------------------------------------------------------------------------------

def test_the_page_may_be_opened_again(page):
    again = BindPage(page.browser, page.browser.navigate("/dingtalk/bind"))
    assert again.csrf == page.csrf


def test_head_is_as_get_without_a_body(page):
    answer = page.browser.navigate("/dingtalk/bind", "HEAD")
    assert answer.status == 200 and answer.body == b"" and answer.extra == b""


def test_the_code_field_is_one_for_codes(page):
    field = page.markup.elements["code"]
    assert field["autocomplete"] == "one-time-code" and field["inputmode"] == "numeric"
    assert int(field.get("maxlength", 99)) >= 6


def test_every_field_has_a_label_and_errors_are_announced(page):
    labels = {attributes.get("for") for tag, attributes in page.markup.tags if tag == "label"}
    for tag, attributes in page.markup.tags:
        if tag == "input" and attributes.get("type") != "hidden":
            assert attributes.get("id") in labels or attributes.get("aria-label"), attributes
    assert any(attributes.get("role") in ("alert", "status") or "aria-live" in attributes
               for _, attributes in page.markup.tags)


@pytest.mark.parametrize("language,lang", [("zh-CN,zh;q=0.9", "zh"), (ENGLISH, "en")])
def test_the_page_speaks_the_language_of_the_browser(asking, visit, language, lang):
    page = to_bind_page(visit(asking, language=language))
    assert f'lang="{lang}' in page.answer.text
    assert ("手机号" in page.answer.text) == (lang == "zh")
    assert ("hone number" in page.answer.text) == (lang == "en")


def test_nothing_on_the_page_is_inline_without_a_nonce(page):
    policy = page.answer.get("Content-Security-Policy")
    for tag, attributes in page.markup.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        if tag in ("script", "style"):
            assert f"'nonce-{attributes['nonce']}'" in policy, policy
    assert "form-action 'self'" in policy and "frame-ancestors '" in policy
    other = page.browser.navigate("/dingtalk/bind").get("Content-Security-Policy")
    assert other != policy, "a nonce is used once"


def test_no_field_has_the_name_of_a_member_of_its_form(page):
    """S-38: a field called submit hides the form's own submit()."""
    members = ("submit", "action", "method", "length", "elements")
    fields = [attributes for tag, attributes in page.markup.tags if tag in ("input", "button")]
    assert fields
    for field in fields:
        assert field.get("name") not in members and field.get("id") not in members


def test_fields_nobody_asked_for_are_ignored(page, sim):
    """S-38, S-43: the account comes from the code, the person from the sign-in."""
    extra = {"submit": "x", "action": "x", "method": "x", "length": "x", "__proto__": "x",
             "uid": "admin", "userid": "lisi", "unionid": "x", "account": "x", "return": "/evil"}
    assert page.ask(PHONE, **extra)["ok"] is True
    told = page.guess(sim.last_code(E164), **extra)
    assert told == {"ok": True, "location": "/app/page.html?a=1&b=2"}
    assert user_of(page.browser) == "account-1"


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "'\"<>&\u2028", "%{secret}",
                                  "</style><b>", "${jndi:x}", "javascript:alert(1)"])
@pytest.mark.parametrize("field", ["phone", "country"])
def test_what_was_typed_comes_back_as_text_only(page, field, text):
    """S-08."""
    answer = page.submit("/code", **{"phone": PHONE, field: text})
    expect.own_answer(answer)
    assert "<script>alert" not in answer.text and "</style><b>" not in answer.text
    typed = page.markup.elements.get("phone", {})
    assert not [name for name in typed if name.startswith("on")]


def test_pages_of_the_administrators_take_the_place_of_ours(
        bound_site, sim, store, visit, tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "bind.html").write_text(
        '<!doctype html><title>%{title}</title><p id="mine">our own page</p><form method="post" '
        'action="%{bind}/code"><input type="hidden" name="csrf" value="%{csrf}"><input '
        'name="phone" value="%{phone}"></form>', encoding="utf-8")
    httpd = bound_site(*with_codes(sim), DingTalkPages=f'"{pages}"')
    page = to_bind_page(visit(httpd))
    assert page.markup.texts["mine"] == "our own page"
    page.submit("/code", phone='"><i>')
    assert "<i>" not in page.answer.text
    expect.denied(httpd, visit(httpd).sign_in("wangwu"))


# -- with script -----------------------------------------------------------------------------------

def test_the_words_of_the_json_are_those_of_the_contract(page, sim):
    told = page.ask(PHONE)
    assert set(told) == {"ok", "resend_in", "expires_in"} and told["ok"] is True
    assert told["resend_in"] == 0 and 295 <= told["expires_in"] <= 300
    code = sim.last_code(E164)
    assert complaint(page.guess(wrong(code)), "code_wrong")["tries_left"] == 4
    assert page.guess(code) == {"ok": True, "location": "/app/page.html?a=1&b=2"}


def test_the_resend_time_is_in_the_answer(bound_site, sim, store, visit):
    httpd = bound_site(*with_codes(sim, "DingTalkCode lifetime=2min"))
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    told = page.ask(PHONE)
    assert 55 <= told["resend_in"] <= 60 and 115 <= told["expires_in"] <= 120
    assert 50 <= complaint(page.ask(PHONE), "too_many")["retry_in"] <= 60


@pytest.mark.parametrize("phone,country", [
    ("", None), (None, None), ("1391111111", None), ("12911111111", None), ("139111111111", None),
    ("abc", None), ("010-86123456", None), ("+8610012345678", None), ("51234567", "0"),
    ("51234567", "abc"), ("51234567", "99999"), ("+0123456", None),
    ("13911111111,13911111112", None), ("13911111111;13911111112", None), ("1" * 5000, None), ("１３９", None), ("\x00" + PHONE, None),
    (PHONE + "\x00", None), (PHONE + "\x00" + PHONE, None), ("+", None)])
def test_what_is_no_number_is_said_so_and_sent_nowhere(page, sim, phone, country):
    complaint(page.ask(phone, country=country), "phone_invalid")
    assert page.answer.status < 500 and sim.inbox() == []


@pytest.mark.parametrize("phone,country,expected", [
    (PHONE, None, E164), (PHONE, "", E164), (PHONE, "86", E164), (PHONE, "+86", E164),
    ("+86" + PHONE, "86", E164), ("+86" + PHONE, "1", E164), ("139 1111 1111", None, E164),
    ("139-1111-1111", "86", E164), ("0086" + PHONE, None, E164), ("86" + PHONE, "86", E164),
    ("１３９１１１１１１１１", "86", E164), ("51234567", "852", "+85251234567"),
    ("+852 5123 4567", "86", "+85251234567"), ("(415) 555-2671", "1", "+14155552671"),
    (PHONE, "0086", E164)])
def test_numbers_may_be_typed_as_people_do(page, sim, store, phone, country, expected):
    store.account("account-2", mobile="+85251234567")
    store.account("account-3", mobile="+1 4155552671")
    assert page.ask(phone, country=country)["ok"] is True
    assert page.guess(sim.last_code(expected))["ok"] is True


@pytest.mark.parametrize("typed", ["{0} ", " {0}", "{1} {2}", "{1}-{2}", "fullwidth"])
def test_a_code_may_be_typed_as_people_do(page, sim, typed):
    page.ask(PHONE)
    code = sim.last_code(E164)
    text = "".join(chr(ord("０") + int(digit)) for digit in code) if typed == "fullwidth" else \
        typed.format(code, code[:3], code[3:])
    assert page.guess(text)["ok"] is True


@pytest.mark.parametrize("code", ["", None, "12345", "1234567", "abcdef", "' OR 1=1", "%", "９" * 9,
                                  "-12345", "+12345", "0x1234", "1e5000", "\x00" * 6, "1" * 5000])
def test_what_is_no_code_is_a_wrong_one(page, code):
    page.ask(PHONE)
    complaint(page.guess(code), "code_wrong")


# -- who may send the forms ------------------------------------------------------------------------

@pytest.mark.parametrize("token", [None, "", "x", "A" * 22, "A" * 5000, "%00", "\x00"])
@pytest.mark.parametrize("path,field", [("code", "phone"), ("verify", "code")])
def test_a_form_without_the_right_token_is_refused(page, sim, path, field, token):
    complaint(page.post(path, csrf=token, **{field: PHONE}), "csrf")
    assert sim.inbox() == []


def test_a_token_of_another_browser_is_refused(page, asking, sim, visit):
    other = to_bind_page(visit(asking))
    assert other.csrf != page.csrf
    complaint(page.ask(PHONE, csrf=other.csrf), "csrf")
    assert sim.inbox() == []


def test_a_form_with_a_wrong_token_is_a_page_that_says_so(page, asking, sim):
    answer = page.submit("/code", phone=PHONE, csrf="wrong")
    expect.page(asking, answer, 403)
    assert sim.inbox() == []


@pytest.mark.parametrize("headers,site", [
    ({"Origin": "http://evil.example"}, "cross-site"), ({"Origin": "null"}, "cross-site"),
    ({"Origin": "http://evil.example"}, "same-origin"),
    ({"Origin": "http://127.0.0.1:1"}, "same-site"),
    ({"Origin": "https://127.0.0.1"}, "same-site"), ({"Origin": "http://evil.example"}, None)])
def test_a_form_from_elsewhere_is_refused(page, sim, headers, site):
    if site is None:
        headers = {**headers, "Sec-Fetch-Site": None}
    complaint(page.post("code", phone=PHONE, headers=headers, site=site or "none"), "csrf")
    assert sim.inbox() == []


def test_an_old_browser_without_these_headers_is_served(page, sim):
    answer = page.browser.request(
        "POST", "/dingtalk/bind/code", {"Content-Type": "application/x-www-form-urlencoded"},
        urlencode({"csrf": page.csrf, "phone": PHONE}).encode())
    assert answer.status in (200, 303), answer
    assert sim.last_code(E164)


@pytest.mark.parametrize("path", ["/dingtalk/bind/code", "/dingtalk/bind/verify"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_forms_are_posted(page, sim, path, method):
    query = urlencode({"csrf": page.csrf, "phone": PHONE, "code": "1"})
    answer = page.browser.navigate(f"{path}?{query}", method, site="same-origin")
    assert answer.status in (303, 400, 404, 405) or method == "OPTIONS", answer
    assert sim.inbox() == [] and user_of(page.browser) is None


@pytest.mark.parametrize("body,kind", [
    (b'{"phone":"13911111111"}', "application/json"), (b"phone=13911111111", "text/plain"),
    (b"--x\r\nContent-Disposition: form-data; name=phone\r\n\r\n1\r\n--x--", "multipart/form-data; "
     "boundary=x"), (b"x" * 200_000, "application/x-www-form-urlencoded"),
    (b"&&&=&=%zz&phone", "application/x-www-form-urlencoded"), (b"", None),
    (b"phone=13911111111&phone=13911111112", "application/x-www-form-urlencoded")])
def test_other_bodies_do_nothing(page, asking, sim, body, kind):
    asking.allow_log(r"DT\d+: .*csrf")
    answer = page.browser.fetch("/dingtalk/bind/code", "POST", body=body, headers={
        "Content-Type": kind, "Accept": "application/json", "Origin": page.browser.origin})
    assert 400 <= answer.status < 500 or answer.json()["ok"] is False, answer
    assert sim.inbox() == []


@pytest.mark.parametrize("cookie", ["none", "garbage", "session"])
def test_without_a_sign_in_there_is_nothing_to_bind(page, asking, sim, visit, cookie):
    stranger = page.copy()
    name = next(c.name for c in stranger.browser.jar.all() if "bind" in c.name)
    value = stranger.browser.jar.find(name).value
    stranger.browser.jar.clear()
    if cookie == "garbage":
        stranger.browser.jar.put(name, value[:-8] + "AAAAAAAA", stranger.browser.host)
    elif cookie == "session":  # S-28: what is sealed for one purpose is no other
        stranger.browser.jar.put("dingtalk", value, stranger.browser.host)
        assert stranger.browser.fetch("/app/data.txt").status == 401
        stranger.browser.jar.clear()
    complaint(stranger.ask(PHONE), "ticket_gone")
    complaint(stranger.guess("123456"), "ticket_gone")
    answer = stranger.browser.navigate("/dingtalk/bind")
    expect.page(asking, answer, 400)
    assert sim.inbox() == []


def test_a_session_is_no_ticket_for_the_bind_page(page, asking, sim, store, visit):
    """S-28."""
    store.account("account-2")
    store.bind(sim.who("lisi"), "account-2", sim.corp_id)
    member = visit(asking)
    member.sign_in("lisi")
    stranger = page.copy()
    name = next(c.name for c in stranger.browser.jar.all() if "bind" in c.name)
    stranger.browser.jar.clear()
    stranger.browser.jar.put(name, member.session, stranger.browser.host)
    complaint(stranger.ask(PHONE), "ticket_gone")


# -- nobody learns whose numbers are known ---------------------------------------------------------

def test_an_unknown_number_gets_the_same_page_and_no_message(asking, sim, visit):
    pages = []
    for phone in (PHONE, "13922222222"):
        page = to_bind_page(visit(asking))
        page.submit("/code", phone=phone)
        text = page.answer.text.replace(page.csrf, "csrf").replace(phone, "phone")
        text = re.sub(r'nonce="[^"]*"', "", text.replace(f"{phone[:3]}****{phone[-4:]}", "masked"))
        pages.append((page.answer.status, text, [n for n in page.browser.jar.names()]))
    assert pages[0] == pages[1]
    assert [message["phone"] for message in sim.inbox()] == [E164]


@pytest.mark.parametrize("seconds", [0, 1.8])
def test_an_unknown_number_takes_as_long(asking, sim, visit, seconds):
    """However slow the gateway is."""
    sim.misbehave("gateway_sms", "delay", seconds=seconds)
    spans = {PHONE: [], "13922222222": []}

    def differ():
        """By how much the fastest of each do; others keep the machine busy for one of them."""
        for phone, span in spans.items():
            page = to_bind_page(visit(asking))
            began = time.monotonic()
            told = page.ask(phone)
            span.append(time.monotonic() - began)
            assert told["ok"] is True
        return abs(min(spans[PHONE]) - min(spans["13922222222"]))

    differ()
    promised(0.15, differ, times=9)
    sim.last_code(E164, messages=len(spans[PHONE]))


@pytest.mark.parametrize("state", ["disabled", "twice", "without"])
def test_an_account_that_cannot_be_had_is_as_an_unknown_number(asking, sim, store, visit, state):
    """Disabled, or one number of two accounts, or nobody's number."""
    store.account("account-2", mobile="13933333333",
                  status="disabled" if state == "disabled" else "active")
    if state == "twice":
        store.account("account-3", mobile="+86-13933333333")
    elif state == "without":
        store.query("UPDATE dingtalk_account SET mobile = '' WHERE uid = 'account-2'")
    page = to_bind_page(visit(asking))
    told = page.ask("13933333333")
    assert told["ok"] is True and sim.inbox() == []
    assert complaint(page.guess("000000"), "code_wrong")["tries_left"] == 4


def test_the_member_of_another_phone_may_prove_it_and_is_bound_to_that_account(
        page, asking, sim, store):
    """The phone of the account counts, whatever DingTalk says about the person's own."""
    store.account("account-9", mobile="13800000001")
    page.ask(PHONE)
    assert page.guess(sim.last_code(E164))["ok"] is True
    assert user_of(page.browser) == "account-1"


def test_an_account_that_has_a_person_is_refused_after_the_right_code(page, asking, sim, store):
    store.bind(sim.who("lisi"), "account-1", sim.corp_id)
    page.ask(PHONE)
    complaint(page.guess(sim.last_code(E164)), "refused")
    assert user_of(page.browser) is None
    assert store.bindings() == [(sim.who("lisi")["unionid"], "account-1")]
    asking.allow_log(r"DT\d+: .*refused|DT\d+: .*account_taken")


def test_the_session_is_as_after_any_other_sign_in(bound_site, sim, store, visit):
    """All that travels with a session went through the bind page, too."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS), DingTalkRemoteUser="email",
                       DingTalkAttributes="name mobile email org_email job_number title avatar "
                                          "dept_ids manager_userid account.title account.mobile")
    store.account("account-1", mobile=PHONE, title="boss")
    page = to_bind_page(visit(httpd))
    page.ask(PHONE)
    page.guess(sim.last_code(E164))
    again = visit(httpd)
    again.sign_in("zhangsan")
    for name, value in whoami(again).items():
        assert whoami(page.browser)[name] == value or name.endswith("_left"), name


def test_the_page_answers_in_front_of_a_proxy_and_leaves_no_cookie_to_it(
        bound_site, sim, store, visit, backend):
    httpd = bound_site(*with_codes(sim, NO_LIMITS), f'ProxyPass "/" "{backend.url}/"',
                       sites.location("/", "DingTalkExport headers"), DingTalkPath="/sso/dt",
                       DingTalkAttributes="account.title",
                       options={"modules": ("proxy", "proxy_http")})
    store.account("account-1", mobile=PHONE, title="boss")
    browser = visit(httpd)
    page = BindPage(browser, browser.sign_in("zhangsan", "/any?x=1"))
    page.submit("/code", phone=PHONE)
    page.submit("/verify", code=sim.last_code(E164))
    seen = browser.fetch("/any", headers={"X-DingTalk-Account-Title": "forged",
                                          "X_DINGTALK_ACCOUNT_TITLE": "forged"}).json()["headers"]
    assert [value for name, value in seen if "account" in name.lower()] == ["boss"]
    assert "dingtalk" not in "".join(v for name, v in seen if name.lower() == "cookie").lower()


def test_the_cookie_of_the_page_is_for_this_host_and_no_script_and_ends_with_it(
        bound_site, sim, store, visit, authority):
    httpd = bound_site(*with_codes(sim, NO_LIMITS), options={"tls": authority})
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    [cookie] = [c for c in page.browser.jar.all() if "bind" in c.name]
    assert cookie.http_only and cookie.secure and cookie.host_only and cookie.same_site == "lax"
    page.ask(PHONE)
    assert page.guess(sim.last_code(E164))["ok"] is True
    assert page.browser.jar.names() == ["__Host-dingtalk"]


def test_a_sender_of_another_name_is_used_by_its_name(bound_site, sim, store, visit):
    httpd = bound_site(gateway(sim, "one", URL="http://127.0.0.1:1/"), gateway(sim, "two words"),
                       'DingTalkCodeVia "two words"', NO_LIMITS)
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(Client(httpd, sim))
    page.ask(PHONE)
    assert page.guess(sim.last_code(E164))["ok"] is True
