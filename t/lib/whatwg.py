# SPDX-License-Identifier: Apache-2.0
"""Where a browser would go: the WHATWG URL parser, of node where there is one."""

import json
import re
import shutil
import subprocess
from urllib.parse import urljoin, urlsplit

SCRIPT = """
let text = "";
process.stdin.on("data", part => text += part).on("end", () => {
  const [base, list] = JSON.parse(text);
  console.log(JSON.stringify(list.map(address => {
    try { return new URL(address, base).origin; } catch (error) { return "invalid"; }
  })));
});
"""


def origins(base, locations):
    """The origin a browser at `base` goes to for each Location value."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node:
        done = subprocess.run([node, "-e", SCRIPT], input=json.dumps([base, locations]),
                              capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)
    return [_origin(base, location) for location in locations]


def _origin(base, location):
    """What WHATWG does before and while parsing a special URL, as far as an origin goes."""
    text = re.sub(r"[\t\r\n]", "", location.strip("".join(map(chr, range(33)))))
    text = text.replace("\\", "/")
    match = re.match(r"(?i)(https?):/*(.*)", text)
    if match:
        text = f"{match[1].lower()}://{match[2]}"
    elif re.match(r"(?i)[a-z][a-z0-9+.-]*:", text):
        return "null"
    elif re.match(r"//+", text):
        text = "//" + text.lstrip("/")
    parts = urlsplit(urljoin(base, text))
    host = (parts.hostname or "").rstrip(".")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}"
