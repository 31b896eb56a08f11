# SPDX-License-Identifier: Apache-2.0
"""The demo: httpd with the module, the simulator and the sample application, on loopback."""

import argparse
import re
import signal
import socket
import sys
import threading
from urllib.parse import unquote, urlencode

from .app import Application
from .browser import Client
from .build import ROOT
from .cast import BY_CODE, BY_MOBILE, make_accounts, story
from .httpd import Httpd, HttpdFailed
from .sim import Simulator

DEFAULT_PORT = 8080


class DemoFailed(Exception):
    """The demo did not work; the text says at which step."""


def is_free(port):
    """Whether httpd could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def configuration(simulator, application):
    """conf/demo.conf with the addresses it asks for."""
    values = {
        "CLIENT_ID": simulator.client_id,
        "CLIENT_SECRET": simulator.client_secret,
        "CORP_ID": simulator.corp_id,
        "LOGIN": simulator.login,
        "API": simulator.api,
        "OAPI": simulator.oapi,
        "STATE": "@FOLDER@/state",
        "SMS": simulator.aliyun,
        "SMS_KEY": simulator.aliyun_key,
        "SMS_SECRET": simulator.aliyun_secret,
        "APPLICATION": application.url,
    }
    lines = [f'Define DEMO_{name} "{value}"' for name, value in values.items()]
    return "\n".join([*lines, f'Include "{ROOT}/conf/demo.conf"'])


def start_httpd(simulator, application, port):
    """httpd on this port; without one on 8080, or on any free one if that is taken."""
    httpd = Httpd(config=configuration(simulator, application), modules=("proxy", "proxy_http"))
    if port and not is_free(port):
        raise DemoFailed(f"port {port} is in use")
    httpd.port = port or (DEFAULT_PORT if is_free(DEFAULT_PORT) else None)
    try:
        return httpd.start()
    except BaseException:
        httpd.stop(remove=True)
        raise


def sign_in(httpd, simulator, part):
    """Somebody signs in as a browser would; print each step and what the application saw."""
    print(f"\n{part.userid} {part.fate}.\n")
    client = Client(httpd, simulator)
    location = client.begin("/")
    print(f"GET {httpd.origin}/ → 302 {location.partition('?')[0]}?…")
    callback = client.scan(part.userid, location)
    print(f"{part.userid} scans → {callback.partition('?')[0]}?…")
    answer = client.come_back(callback)
    print(f"GET the callback → {answer.status} {answer.location or ''}")
    if part is BY_CODE:
        answer = bind(client, simulator, part.phone, client.follow(answer))
    answer = client.follow(answer)
    print(f"GET {answer.url} → {answer.status}")
    if answer.status != 200:
        raise DemoFailed(f"the page answers {answer.status} after the sign-in: {answer.text[:500]}")
    show_what_was_seen(client, part.uid)


def bind(client, simulator, phone, page):
    """Fill in the bind page: phone number, then the code that arrives there; the last answer."""
    print(f"GET {page.url} → {page.status}")
    hidden = re.search(r'name="csrf" value="([^"]*)"', page.text)
    if page.status != 200 or not hidden:
        raise DemoFailed(f"there is no form to bind an account: {page.status} {page.text[:500]}")

    def post(path, **fields):
        body = urlencode({"csrf": hidden[1], **fields}).encode()
        answer = client.navigate(f"/dingtalk/bind/{path}", "POST", body=body, site="same-origin",
                                 headers={"Origin": client.origin})
        print(f"POST /dingtalk/bind/{path} → {answer.status} {answer.location or ''}")
        return answer

    post("code", country="86", phone=phone.removeprefix("+86"))
    code = simulator.last_code(phone)
    print(f"{phone} gets: {simulator.inbox(phone)[-1]['text']}")
    return post("verify", code=code)


def show_what_was_seen(client, user):
    """Print what the application was told; it must have been this user."""
    seen = client.fetch("/", headers={"Accept": "application/json"}).json()
    print("\nThe application saw:")
    for name, value in seen["headers"]:
        if name.lower().startswith(("x-dingtalk-", "x-remote-user")):
            print(f"    {name}: {value}" + (f"  ({unquote(value)})" if "%" in value else ""))
    if seen["user"] != user:
        raise DemoFailed(f"the application should have seen {user}, but saw {seen['user']!r}")


def invite(httpd, simulator):
    """Print the address, who can scan and what will happen, then wait for Ctrl-C."""
    print(f"\nOpen  {httpd.origin}/  and scan as one of these:\n")
    for userid, person in simulator.order("GET", "/people").items():
        name = person["member"].get("name") or person["personal"].get("nick") or ""
        print(f"    {userid:<14} {name}\n{'':<18} {story(userid, person['note'])}")
    print(f"\nCodes arrive at {simulator.login}/inbox\n"
          f"The simulator:  {simulator.login}/\nThe error log:  {httpd.log.path}\n"
          "\nCtrl-C stops everything.", flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    # Waiting in slices lets Python see the signal.
    while not stop.wait(0.5):
        if httpd.process.poll() is not None:
            raise DemoFailed("httpd ended:\n" + "\n".join(httpd.log.lines()))
    print("\nstopped")


def run(options):
    """Start everything, do what was asked for, and stop everything."""
    # Ctrl-C goes to the whole group: here it must not stop the others before us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Simulator() as simulator, Application() as application:
        httpd = start_httpd(simulator, application, options.port)
        try:
            make_accounts(httpd.state, simulator)
            if options.once:
                sign_in(httpd, simulator, BY_MOBILE)
                sign_in(httpd, simulator, BY_CODE)
            else:
                invite(httpd, simulator)
        finally:
            httpd.stop()
            complaints = httpd.log.audit()
            httpd.stop(remove=True)
        # Whoever plays with it makes refusals, and those are in the log as they should be.
        if options.once and complaints:
            raise DemoFailed("httpd's error log has lines that should not be there:\n"
                             + "\n".join(complaints))


def main():
    """The command line of ./demo; exit status 0 when everything worked."""
    parser = argparse.ArgumentParser(prog="./demo", description=__doc__)
    parser.add_argument("--once", action="store_true",
                        help="sign two simulated members in, print what the application saw, "
                             "stop")
    parser.add_argument("--port", type=int, help="httpd's port (8080, or a free one)")
    options = parser.parse_args()
    try:
        run(options)
    except (DemoFailed, HttpdFailed, RuntimeError, AssertionError, OSError, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if options.once:
        print("\nThe demo worked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
