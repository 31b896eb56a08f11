# SPDX-License-Identifier: Apache-2.0
"""Addresses that a careless server takes for a path of its own, as decoded text."""

HOSTS = ("evil.example", "127.0.0.1.evil.example", "evil.example%2f", "①②⑦.evil.example",
         "evil。example", "[::1]", "2130706433", "0x7f.1", "evil.example:80", "localhost")

# {h} is a host; each prefix leads off the site in at least one parser.
SHAPES = (
    "//{h}", "///{h}", "////{h}", "/////{h}", "/\\{h}", "\\/{h}", "\\\\{h}", "\\{h}", "/\\/{h}",
    "/\\\\{h}", "\\/\\/{h}", "//\\{h}", "///\\{h}", "/\t/{h}", "/\n/{h}", "/\r/{h}", "/\r\n/{h}",
    "\t//{h}", "\n//{h}", " //{h}", "\u3000//{h}", "\xa0//{h}", "\x00//{h}", "\x01//{h}",
    "\x0b//{h}", "\x1f//{h}", "/\x00/{h}", "/ /{h}", "/\t\\{h}", "/\n\\{h}", "/\x0b/{h}",
    "/\u200b/{h}", "/\ufeff/{h}", "\ufeff//{h}", "/.//{h}", "/..//{h}", "/./\\{h}", "/../\\{h}",
    "/x/..//{h}", "/x/../\\{h}", "/.%2f/{h}", "/%2e//{h}", "/%2e%2e//{h}", "/x/%2e%2e//{h}",
    "/%2f{h}", "/%2F{h}", "/%5c{h}", "/%5C{h}", "%2f%2f{h}", "/%09/{h}", "/%0a/{h}", "/%0d/{h}",
    "/%0d%0a/{h}", "/%00/{h}", "/%252f{h}", "/;//{h}", "/?//{h}", "/#//{h}", "//{h}/..",
    "//{h}/%2e%2e", "//{h}?", "//{h}#", "//{h}\\@127.0.0.1", "//127.0.0.1@{h}", "//127.0.0.1\\@{h}",
    "//user:pass@{h}", "//@{h}", "//:@{h}", "//{h}:@127.0.0.1", "/@{h}", "@{h}", ":{h}", "{h}",
    ".{h}", "http://{h}", "https://{h}", "HTTP://{h}", "hTtPs://{h}", "http:{h}", "https:{h}",
    "http:/{h}", "https:/{h}", "http:\\{h}", "https:\\\\{h}", "http:///{h}", "https:////{h}",
    "http:\\/\\/{h}", "ht\ntp://{h}", "h\tttp://{h}", "java\nscript:alert(1)//{h}", " http://{h}",
    "\x00http://{h}", "\x1fhttps://{h}", "http://127.0.0.1@{h}", "http://127.0.0.1:80@{h}",
    "http://127.0.0.1%40{h}", "http://127.0.0.1#@{h}", "http://127.0.0.1?@{h}",
    "http://127.0.0.1\\@{h}", "http://127.0.0.1%00.{h}", "http://127.0.0.1%2f.{h}",
    "http://127.0.0.1;{h}", "http://127.0.0.1,{h}", "http://127.0.0.1&{h}", "http://127.0.0.1.{h}",
    "ftp://{h}", "ws://{h}", "file://{h}/x", "data:text/html,{h}", "blob:http://{h}/",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://{h}/%0aalert(1)", "java\tscript:1",
    "vbscript:x", "about:blank", "view-source:http://{h}", "intent://{h}#Intent;end",
    "dingtalk://{h}",
    "mailto:a@{h}", "//%65vil.example", "/%5c%5c{h}", "/%5c/{h}", "/\\%2f{h}", "/%2f%2f{h}",
    "/％2f{h}", "／／{h}", "/／{h}", "＼＼{h}", "/%EF%BC%8F{h}", "/%E2%80%A8/{h}", "/\u2028/{h}",
    "/\u2029//{h}", "/\x7f/{h}", "/%7f/{h}", "/%ff/{h}", "/\x85/{h}", "/.\\{h}", "/..\\{h}",
    "/.;/{h}",
    "/..;//{h}", "/~//{h}", "/x//{h}", "/x\\{h}", "/x\\\\{h}", "/x:80//{h}", "/[//{h}", "/\"//{h}",
    "/<//{h}", "/%zz//{h}", "/%//{h}", "//", "///", "/\\", "\\", "//\\", "/%2f", "/%5c", "", " ",
    ".",
    "..", "/..", "/../..", "/.", "/%2e", "/%2e%2e", "/%2e%2e%2f", "/\r\nSet-Cookie: x=y",
    "/%0d%0aSet-Cookie:%20x=y", "/\r\n\r\n<script>alert(1)</script>", "/\nLocation: http://{h}",
    "/x\x00.html", "/" + "a" * 3000 + "//{h}", "/" + "../" * 50 + "/{h}", "/x?return=//{h}",
    "/x#//{h}", "/dingtalk/login?return=//{h}", "/dingtalk/logout?return=%2f%2f{h}",
)

# Addresses of this site that must arrive as they are.
GOOD = (
    "/", "/app/", "/app/page.html", "/app/page.html?a=1&b=2", "/app/page.html?next=//x",
    "/app/page.html?u=http://other.example/", "/app/page.html?q=a%20b%2Fc", "/app/%E5%BC%A0",
    "/app/a%20b", "/app/page.html?q=%E5%BC%A0%E4%B8%89", "/app/a:b", "/app/a@b", "/app/a;b=1",
    "/app/a+b", "/app/(a)", "/app/~a", "/app/a,b", "/app/page.html?a=b=c&d", "/app/a%2Fb",
    "/app/a=b", "/app/!$&'*",
)


def corpus():
    """Every shape with the first host, and a few shapes with every host."""
    values = [shape.replace("{h}", HOSTS[0]) for shape in SHAPES]
    for host in HOSTS[1:]:
        values += [shape.replace("{h}", host)
                   for shape in ("//{h}", "/\\{h}", "http://{h}", "/\t/{h}", "//127.0.0.1@{h}")]
    return values
