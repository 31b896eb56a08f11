# SPDX-License-Identifier: Apache-2.0
"""The bind page in a real Chromium: a person without account asks for a code and enters it."""

import re

import pytest

from lib import site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    bound_site, store, stores, with_codes, wrong)
from lib.chromium import (  # noqa: F401  (fixture)
    By, Keys, at, chromium, chromiums, cookies, focused, scan, scheme, size, text, wait,
    without_script)

PHONE = "13800138000"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
AA = 4.5  # WCAG 2.1, 1.4.3

# The contrast of every text that is seen: [ratio, text], the worst first.
CONTRAST = """
const rgba = (color) => {
  const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
  return [r, g, b, a];
};
const background = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const color = rgba(getComputedStyle(e).backgroundColor);
    if (color[3] === 1) return color;
    if (color[3] > 0) throw new Error('half transparent: ' + e.outerHTML);
  }
  throw new Error('no background');
};
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((c) => c / 255).map(
    (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const ratio = (a, b) => {
  const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
};
const found = [];
for (const e of document.body.querySelectorAll('*')) {
  if (!e.checkVisibility() || e.matches('script, svg *')) continue;
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const style = getComputedStyle(e), shown = e.value || e.textContent.trim();
  if (own || e.matches('input')) found.push([ratio(rgba(style.color), background(e)), shown]);
  if (e.placeholder) {
    const color = getComputedStyle(e, '::placeholder').color;
    found.push([ratio(rgba(color), background(e)), e.placeholder]);
  }
}
return found.sort((a, b) => a[0] - b[0]);
"""


@pytest.fixture
def portal(bound_site, sim, store):
    """A site where only phone and code lead to an account."""
    httpd = bound_site(*with_codes(sim))
    store.account("employee-7", mobile="+86" + PHONE)
    return httpd


@pytest.fixture(params=SIZES)
def screen(request):
    """The name of a screen."""
    return request.param


@pytest.fixture
def bind_page(portal, chromium):
    """bind_page(…) gives a Chromium at the bind page."""
    def go(language="zh-CN", screen="phone", script=True, httpd=portal):
        driver = chromium(language)
        size(driver, *SIZES[screen])
        driver.get(httpd.origin + "/app/page.html")
        scan(driver, "zhangsan")
        at(driver, httpd.origin + "/dingtalk/bind")
        if not script:
            without_script(driver)
            driver.refresh()
        wait(driver, lambda d: d.find_element(By.ID, "phone").is_displayed())
        return driver
    return go


def element(driver, name):
    """The element of this id."""
    return driver.find_element(By.ID, name)


def shown(driver, name):
    """Whether it is there and can be seen."""
    return any(e.is_displayed() for e in driver.find_elements(By.ID, name))


def said(driver, name):
    """Wait until it says something: what."""
    return wait(driver, lambda d: element(d, name).text)


def ask(driver, phone=PHONE):
    """Type a phone number and press Enter."""
    element(driver, "phone").clear()
    element(driver, "phone").send_keys(phone, Keys.ENTER)


def guess(driver, code):
    """Type a code and press Enter, as soon as there is a field for it."""
    wait(driver, lambda d: shown(d, "code"))
    element(driver, "code").clear()
    element(driver, "code").send_keys(code, Keys.ENTER)


def arrived(driver, portal):
    """Wait for the page that was asked for in the beginning."""
    at(driver, portal.origin + "/app/page.html")
    assert sites.CANARY in text(driver)
    assert "dingtalk" in cookies(driver)
    assert "dingtalk-bind" not in cookies(driver)


def fits(driver):
    """Nothing is wider than the screen."""
    return driver.execute_script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def complaints(driver):
    """What the browser did not allow, or could not run."""
    return [entry["message"] for entry in driver.get_log("browser")
            if entry["source"] != "network"]


# -- the whole way ---------------------------------------------------------------------------------

@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
def test_phone_and_code_lead_to_the_page_without_leaving_the_form(
        portal, sim, bind_page, screen, language, tmp_path):
    driver = bind_page(language, screen)
    driver.save_screenshot(str(tmp_path / "phone.png"))
    driver.execute_script("window.same = 'the same page'")
    assert focused(driver) == "phone" and not shown(driver, "code")
    ask(driver)
    wait(driver, lambda d: focused(d) == "code")
    driver.save_screenshot(str(tmp_path / "code.png"))
    assert driver.execute_script("return window.same") == "the same page"
    assert "5" in said(driver, "sent")
    guess(driver, sim.last_code("+86" + PHONE))
    arrived(driver, portal)
    driver.back()
    wait(driver, lambda d: "bind" not in d.current_url)
    assert complaints(driver) == []


def test_phone_and_code_lead_to_the_page_without_script(portal, sim, bind_page, screen, tmp_path):
    driver = bind_page(screen=screen, script=False)
    ask(driver)
    wait(driver, lambda d: shown(d, "code"))
    assert driver.current_url == portal.origin + "/dingtalk/bind"
    driver.save_screenshot(str(tmp_path / "code.png"))
    assert "138****8000" in element(driver, "sent").text
    assert re.search(r"\d+ 秒", element(driver, "again").text), "when the next may be sent"
    assert focused(driver) == "code"
    driver.refresh()
    assert len(sim.inbox("+86" + PHONE)) == 1, "reloading sends nothing"
    guess(driver, sim.last_code("+86" + PHONE))
    arrived(driver, portal)


def test_the_keyboard_is_enough(portal, sim, bind_page):
    driver = bind_page()
    keys = driver.switch_to.active_element
    keys.send_keys(Keys.SHIFT, Keys.TAB)
    assert driver.switch_to.active_element.get_attribute("name") == "country"
    driver.switch_to.active_element.send_keys(Keys.TAB)
    driver.switch_to.active_element.send_keys(PHONE, Keys.TAB)
    assert focused(driver) == "send"
    driver.switch_to.active_element.send_keys(Keys.SPACE)
    wait(driver, lambda d: focused(d) == "code")
    code = sim.last_code("+86" + PHONE)
    driver.switch_to.active_element.send_keys(code, Keys.TAB)
    assert driver.switch_to.active_element.get_attribute("type") == "submit"
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    arrived(driver, portal)


def test_a_code_is_pasted_as_the_message_has_it(portal, sim, bind_page):
    driver = bind_page(screen="desktop")
    ask(driver)
    wait(driver, lambda d: focused(d) == "code")
    code = sim.last_code("+86" + PHONE)
    source = element(driver, "phone")
    source.clear()
    source.send_keys(f" {code[:3]} {code[3:]} ", Keys.CONTROL, "ax")
    target = element(driver, "code")
    target.send_keys(Keys.CONTROL, "v")
    assert target.get_attribute("value").split() == [code[:3], code[3:]]
    target.send_keys(Keys.ENTER)
    arrived(driver, portal)


# -- errors ----------------------------------------------------------------------------------------

def beside(driver, field):
    """The field's error stands right below it, and tells everybody what it belongs to."""
    box, error = element(driver, field).rect, element(driver, field + "-error").rect
    assert 0 <= error["y"] - box["y"] - box["height"] < 24
    assert element(driver, field).get_attribute("aria-invalid") == "true"
    assert field + "-error" in element(driver, field).get_attribute("aria-describedby").split()
    assert element(driver, field + "-error").get_attribute("role") == "alert"
    assert focused(driver) == field


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_wrong_number_is_shown_beside_the_field_and_stays(portal, bind_page, script, tmp_path):
    driver = bind_page(script=script)
    ask(driver, "1380013")
    assert "手机号" in said(driver, "phone-error")
    driver.save_screenshot(str(tmp_path / "error.png"))
    beside(driver, "phone")
    assert element(driver, "phone").get_attribute("value") == "1380013"
    portal.expect_log("phone_invalid.*" + element(driver, "error-id").text)
    assert complaints(driver) == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_wrong_code_is_shown_beside_the_field(portal, sim, bind_page, script, tmp_path):
    driver = bind_page("en-GB", script=script)
    ask(driver)
    wait(driver, lambda d: shown(d, "code"))
    code = sim.last_code("+86" + PHONE)
    guess(driver, wrong(code))
    assert "4" in said(driver, "code-error")
    driver.save_screenshot(str(tmp_path / "error.png"))
    beside(driver, "code")
    portal.expect_log("code_wrong.*" + element(driver, "error-id").text)
    guess(driver, code)
    arrived(driver, portal)


def test_too_few_digits_cost_no_try(portal, sim, bind_page):
    driver = bind_page()
    ask(driver)
    code = sim.last_code("+86" + PHONE)
    guess(driver, code[:5])
    assert driver.execute_script("return document.querySelector('#code:invalid') !== null")
    guess(driver, wrong(code))
    assert "4" in said(driver, "code-error")
    portal.expect_log("code_wrong")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_whatever_is_typed_comes_back_as_text(portal, bind_page, script):
    """S-08."""
    nasty = "\"'><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    driver = bind_page(script=script)
    title = driver.title
    ask(driver, nasty[:64])
    said(driver, "phone-error")
    assert element(driver, "phone").get_attribute("value") == nasty[:64]
    assert title in driver.title and not driver.find_elements(By.TAG_NAME, "img")
    portal.expect_log("phone_invalid")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_page_that_is_too_old_offers_a_new_sign_in(portal, bind_page, script):
    driver = bind_page(script=script)
    driver.delete_cookie("dingtalk-bind")
    ask(driver)
    link = wait(driver, lambda d: [a for a in d.find_elements(By.TAG_NAME, "a")
                                   if a.is_displayed()])[0]
    assert "/dingtalk/login" in link.get_attribute("href")
    portal.expect_log("ticket_gone")
    link.click()
    scan(driver, "zhangsan")
    at(driver, portal.origin + "/dingtalk/bind")


def test_a_lost_connection_is_told_and_the_form_goes_on(portal, sim, bind_page):
    driver = bind_page()
    conditions = {"latency": 0, "download_throughput": -1, "upload_throughput": -1}
    driver.set_network_conditions(offline=True, **conditions)
    ask(driver)
    assert "网络" in said(driver, "problem")
    driver.set_network_conditions(offline=False, **conditions)
    ask(driver)
    wait(driver, lambda d: focused(d) == "code")
    assert element(driver, "problem").text == ""


def test_fields_named_like_the_forms_own_members_are_harmless(portal, sim, bind_page):
    """S-38."""
    driver = bind_page()
    driver.execute_script("""
        for (const form of document.forms) {
          for (const name of ['submit', 'action', 'method', 'length', '__proto__', 'elements']) {
            const input = document.createElement('input');
            input.type = 'hidden'; input.name = name; input.value = '/elsewhere';
            form.append(input);
          }
        }""")
    ask(driver)
    guess(driver, sim.last_code("+86" + PHONE))
    arrived(driver, portal)


# -- the countdown ---------------------------------------------------------------------------------

# Whatever the countdown shows, and whether a code can be asked for meanwhile: nobody has to look.
WATCH = """
const again = document.getElementById('again'), send = document.getElementById('send');
window.seen = [];
new MutationObserver(() => {
  if (again.checkVisibility()) window.seen.push([again.innerText, send.disabled]);
}).observe(document.body, {childList: true, characterData: true, attributes: true, subtree: true});
"""


def counted_down(driver):
    """Wait for the end of a countdown; while it went, nothing could be sent."""
    seen = wait(driver, lambda d: d.execute_script(
        "return !document.getElementById('send').disabled && window.seen.splice(0)"))
    assert not shown(driver, "again")
    left = [int(re.search(r"(\d+) 秒", told)[1]) for told, _ in seen]
    assert left == sorted(left, reverse=True) and 1 <= left[-1] < left[0] <= 5, seen
    assert all(disabled for _, disabled in seen), seen


def test_the_next_code_can_be_sent_after_a_countdown(bound_site, sim, bind_page):
    httpd = bound_site(*with_codes(sim, "DingTalkCode resend=5s"))
    driver = bind_page(httpd=httpd)
    driver.execute_script(WATCH)
    ask(driver)
    counted_down(driver)
    assert element(driver, "phone").get_attribute("value") == PHONE
    element(driver, "send").click()
    counted_down(driver)
    guess(driver, sim.last_code("+86" + PHONE, messages=2))
    arrived(driver, httpd)


def test_without_script_who_asks_too_early_is_told_how_long_to_wait(portal, bind_page):
    driver = bind_page(script=False)
    ask(driver)
    wait(driver, lambda d: shown(d, "code"))
    ask(driver)
    said(driver, "phone-error")
    assert re.search(r"\d+ 秒", element(driver, "again").text)
    portal.expect_log("too_many")


def test_the_countdown_goes_on_after_a_reload(portal, bind_page):
    driver = bind_page()
    ask(driver)
    wait(driver, lambda d: focused(d) == "code")
    driver.refresh()
    assert re.search(r"\d+ 秒", said(driver, "again"))
    assert not element(driver, "send").is_enabled()


# -- for everybody ---------------------------------------------------------------------------------

def test_fields_are_what_phones_and_screen_readers_expect(portal, bind_page):
    driver = bind_page("en-GB")
    ask(driver)
    wait(driver, lambda d: focused(d) == "code")
    code, phone = element(driver, "code"), element(driver, "phone")
    assert code.get_attribute("autocomplete") == "one-time-code"
    assert code.get_attribute("inputmode") == "numeric"
    assert code.accessible_name == "Verification code"
    assert phone.accessible_name == "Phone number" and phone.get_attribute("type") == "tel"
    country = driver.find_element(By.NAME, "country")
    assert country.accessible_name == "Country code" and country.get_attribute("value") == "86"
    assert element(driver, "sent").find_element(By.XPATH, "..").get_attribute("role") == "status"
    for field in (code, phone, country):
        for name in (field.get_attribute("aria-describedby") or "").split():
            element(driver, name)
    for button in driver.find_elements(By.TAG_NAME, "button"):
        assert button.accessible_name and button.rect["height"] >= 44


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_text_can_be_read_on_every_screen(portal, sim, bind_page, language, colours,
                                                tmp_path):
    driver = bind_page(language)
    scheme(driver, colours)
    ask(driver, "1")
    said(driver, "phone-error")
    looked_at = [driver.execute_script(CONTRAST)]
    ask(driver)
    guess(driver, wrong(sim.last_code("+86" + PHONE)))
    said(driver, "code-error")
    looked_at.append(driver.execute_script(CONTRAST))
    for texts in looked_at:
        assert len(texts) > 6 and texts[0][0] >= AA, texts[:3]
    for name, (width, height) in {**SIZES, "small": (320, 568)}.items():
        size(driver, width, height)
        driver.save_screenshot(str(tmp_path / f"{name}.png"))
        assert fits(driver), name
    portal.expect_log("phone_invalid", "code_wrong")
