# SPDX-License-Identifier: Apache-2.0
"""The simulator's HTML: a scan page that says what it is, plain forms, no script needed."""

from __future__ import annotations

import base64
import io
import time
from functools import lru_cache
from html import escape

from .inbox import Inbox, Message
from .organisation import Organisation, Person

STYLE = """
:root { color-scheme: light dark; --blue: #007fff; --line: #8884; --card: #fff; --back: #f2f4f7 }
@media (prefers-color-scheme: dark) { :root { --card: #1d2025; --back: #121418 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back);
       font: 15px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif }
main { background: var(--card); border-radius: 12px; padding: 28px 32px; margin: 16px;
       width: min(760px, 94vw); box-shadow: 0 6px 30px #0002 }
h1 { font-size: 20px; margin: 0 0 2px } h2 { font-size: 15px; margin: 0 0 10px }
small, .muted { opacity: .7 } code { font-size: 14px }
.sim { display: inline-block; font-size: 12px; border: 1px solid var(--line);
       border-radius: 99px; padding: 1px 10px; margin-bottom: 18px }
.two { display: grid; grid-template-columns: 240px 1fr; gap: 32px }
@media (max-width: 640px) { .two { grid-template-columns: 1fr } }
.qr img { width: 220px; height: 220px; background: #fff; padding: 8px; border-radius: 8px;
          border: 1px solid var(--line); image-rendering: pixelated; display: block }
.people { display: grid; gap: 6px; max-height: 60vh; overflow: auto }
button { font: inherit; color: inherit; width: 100%; text-align: left; padding: 8px 12px;
         cursor: pointer; background: transparent; border: 1px solid var(--line);
         border-radius: 8px } button small { display: block }
button:hover, button:focus-visible { border-color: var(--blue); outline: none }
button.deny { text-align: center; margin-top: 12px }
a { color: var(--blue) }
section { margin-top: 18px } section h2 { margin: 0 0 6px }
.message { border-top: 1px solid var(--line); padding: 8px 0 } .message p { margin: 0 }
.message .code { font: 600 20px ui-monospace, monospace; letter-spacing: .1em; float: right;
                 margin-left: 16px }
"""

# Without script the link below the QR code does the same.
POLL = """
setInterval(async () => {
  const answer = await fetch("/oauth2/poll/%s").then(r => r.json()).catch(() => ({}));
  if (answer.done) location.replace("/oauth2/continue/%s");
}, 1000);
"""

REFRESH = '<meta http-equiv="refresh" content="2">'


def _page(title: str, body: str, script: str = "", head: str = "") -> str:
    return (f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<link rel="icon" href="data:,">{head}'
            f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
            f'<div class="sim">DingTalk simulator · 钉钉模拟器</div>\n{body}\n</main>'
            f"{f'<script>{script}</script>' if script else ''}</body></html>\n")


def _button(kind: str, name: str, value: str, label: str, note: str = "") -> str:
    small = f"<small>{escape(note)}</small>" if note else ""
    return (f'<button id="{kind}-{escape(value)}" name="{name}" value="{escape(value)}">'
            f"{escape(label)} {small}</button>")


def _person(person: Person) -> str:
    return _button("scan", "userid", person.userid, f"{person.name} ({person.userid})", person.note)


def _people(organisation: Organisation, action: str) -> str:
    buttons = "\n".join(map(_person, organisation.everybody()))
    return (f'<form method="post" action="{escape(action)}"><div class="people">{buttons}</div>'
            '<button id="deny" class="deny" name="deny" value="1">取消 · Cancel</button></form>')


def scan(organisation: Organisation, key: str, phone_url: str) -> str:
    """What /oauth2/auth shows."""
    name = escape(organisation.corp_name(organisation.corp_id))
    body = f"""<h1>扫码登录 · Scan to sign in</h1>
<p class="muted">{name}</p>
<div class="two"><div class="qr"><img id="qr" alt="QR code" src="{qr(phone_url)}">
<p><small>二维码打开模拟的手机页面 ·
<a id="phone" href="{escape(phone_url)}" target="_blank">the code opens a simulated phone</a>
</small></p><p><small><a id="continue" href="/oauth2/continue/{key}">手机上已确认 ·
confirmed on the phone</a></small></p><p><small><a id="inbox" href="/inbox"
target="_blank">短信收件箱 · SMS inbox</a></small></p></div>
<div><h2>以谁的身份扫码？ · Who scans?</h2>
{_people(organisation, f"/oauth2/confirm/{key}")}</div></div>"""
    return _page("钉钉登录 · DingTalk sign-in (simulator)", body, POLL % (key, key))


def phone(organisation: Organisation, key: str) -> str:
    """What the QR code opens."""
    return _page("手机 · Phone", "<h1>手机确认 · Confirm on the phone</h1>"
                 '<p class="muted">你是谁？ · Who are you?</p>'
                 + _people(organisation, f"/oauth2/phone/{key}"))


def phone_done() -> str:
    return _page("手机 · Phone", '<h1 id="done">已处理 · Done</h1><p>请回到电脑上的浏览器。 · '
                 "Go back to the browser on the computer.</p>")


def choose(organisation: Organisation, action: str, userid: str) -> str:
    """Somebody belongs to several organisations and wants to be asked."""
    person = organisation.people[userid]
    buttons = "\n".join(_button("corp", "corp", corp, organisation.corp_name(corp), corp)
                        for corp in organisation.corps_of(person))
    return _page("选择组织 · Choose", f"""<h1>选择组织 · Choose an organisation</h1>
<form method="post" action="{escape(action)}"><input type="hidden" name="userid"
value="{escape(userid)}"><div class="people">{buttons}</div></form>""")


def front() -> str:
    """What the simulator says about itself."""
    return _page("钉钉模拟器 · DingTalk simulator", """<h1>钉钉模拟器 · DingTalk simulator</h1>
<p class="muted">扮演钉钉和短信网关，供测试和演示使用。 ·
Plays DingTalk and SMS gateways, for tests and demos.</p>
<ul><li><a id="inbox" href="/inbox">短信收件箱 · SMS inbox</a></li>
<li><a href="/_sim/people">组织成员 · People (JSON)</a></li>
<li><a href="/_sim/calls">调用记录 · Calls (JSON)</a></li></ul>""")


def inbox(inbox: Inbox) -> str:
    """All messages, by phone; a test tool hides nothing."""
    phones = "\n".join(f"<section><h2>{escape(phone)}</h2>\n"
                       + "\n".join(map(_message, messages)) + "</section>"
                       for phone, messages in inbox.by_phone().items())
    return _page("短信收件箱 · SMS inbox", f"""<h1>短信收件箱 · SMS inbox</h1>
<p class="muted">本页自动刷新 · this page refreshes itself</p>
{phones or '<p id="empty">还没有短信 · no messages yet</p>'}
<p><small><a href="/">钉钉模拟器 · the simulator</a></small></p>""", head=REFRESH)


def _message(message: Message) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(message.time))
    return (f'<div class="message" id="message-{message.n}">'
            f'<span class="code">{escape(message.code or "")}</span>'
            f'<p>{escape(message.text)}</p>'
            f"<small>{clock} · {escape(message.gateway)}</small></div>")


def problem(code: str, message: str) -> str:
    number = f'<p>errcode <code id="code">{escape(code)}</code></p>' if code else ""
    return _page("钉钉登录 · DingTalk", '<h1>无法登录 · Cannot sign in</h1>'
                 f'<p id="message">{escape(message)}</p>{number}')


@lru_cache(maxsize=16)
def qr(text: str) -> str:
    """A PNG of the QR code as data: URI."""
    import qrcode  # slow to import; only browsers need it

    # A fixed mask spares the search for the prettiest one, which costs most of the time.
    code = qrcode.QRCode(border=2, box_size=4, mask_pattern=3,
                         error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(text)
    out = io.BytesIO()
    code.make_image().save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
