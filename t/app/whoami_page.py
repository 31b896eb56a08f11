# SPDX-License-Identifier: Apache-2.0
"""What the sample application shows: who came in, and everything it was told about them."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Iterable

STYLE = """
:root { color-scheme: light dark; --blue: #007fff; --line: #8884; --card: #fff; --back: #f2f4f7 }
@media (prefers-color-scheme: dark) { :root { --card: #1d2025; --back: #121418 } }
* { box-sizing: border-box }
body { margin: 0; padding: 24px 12px; background: var(--back);
       font: 15px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif }
main { background: var(--card); border-radius: 12px; padding: 28px 32px; margin: 0 auto;
       max-width: 860px; box-shadow: 0 6px 30px #0002 }
header { display: flex; gap: 18px; align-items: center; flex-wrap: wrap }
header form, header .in { margin-left: auto }
.face { width: 64px; height: 64px; border-radius: 50%; background: var(--blue); color: #fff;
        display: grid; place-items: center; font-size: 28px }
h1 { font-size: 22px; margin: 0 } h2 { font-size: 15px; margin: 28px 0 6px }
.muted { opacity: .7; margin: 0 }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid var(--line);
        padding: 5px 10px 5px 0; vertical-align: top; overflow-wrap: anywhere }
td:first-child { width: 34%; font-family: ui-monospace, monospace; font-size: 13px; opacity: .8 }
button, .in { font: inherit; color: inherit; padding: 7px 16px; border-radius: 8px; cursor: pointer;
        background: transparent; border: 1px solid var(--line); text-decoration: none }
button:hover, .in:hover { border-color: var(--blue) }
"""

Pairs = Iterable[tuple[str, str]]


def page(user: str, name: str, known: Pairs, everything: Pairs, source: tuple[str, str],
         prefix: str = "/dingtalk") -> bytes:
    """The page. `known` is what DingTalk says, `everything` all that arrived.

    `source` names where from, in Chinese and English.
    """
    chinese, english = map(escape, source)
    face = (name or user or "?")[:1]
    if user:
        greeting = f'<h1 id="name">{escape(name or user)}</h1>'
        below = f'<p class="muted">REMOTE_USER = <code id="user">{escape(user)}</code></p>'
        button = (f'<form method="post" action="{escape(prefix)}/logout?return=/">'
                  '<button id="logout">退出登录 · Sign out</button></form>')
    else:
        greeting = '<h1 id="name">访客 · Visitor</h1>'
        below = '<p class="muted">没有登录 · not signed in</p>'
        button = (f'<a class="in" id="login" href="{escape(prefix)}/login?return=/">'
                  "钉钉登录 · Sign in</a>")
    html = f"""<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>我是谁？ · Who am I?</title><style>{STYLE}</style></head>
<body><main><header><div class="face">{escape(face)}</div><div>{greeting}{below}</div>{button}
</header>
<h2>钉钉说 · What DingTalk says</h2>{_table(known, "known")}
<h2>应用收到的全部{chinese} · All {english} the application received</h2>
{_table(everything, "everything")}
</main></body></html>
"""
    return html.encode("utf-8", "replace")


def _table(pairs: Pairs, name: str) -> str:
    rows = "".join(f"<tr><td>{escape(key)}</td><td>{escape(value)}</td></tr>\n"
                   for key, value in pairs)
    return f'<table id="{name}">{rows or "<tr><td>—</td><td></td></tr>"}</table>'


def as_json(data: dict[str, Any]) -> bytes:
    """ASCII only: a byte that is not UTF-8 arrives as a lone surrogate, nothing is lost."""
    return json.dumps(data).encode("ascii")


def wants_json(accept: str) -> bool:
    return "application/json" in accept.lower()
