# SPDX-License-Identifier: Apache-2.0
"""The process: command line, one listener on loopback, one JSON line, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import threading
from pathlib import Path

from aiohttp import web

from .api import Api
from .control import Control
from .login import Login
from .oapi import Oapi
from .organisation import Organisation
from .world import App, World

HERE = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dingtalk-sim", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--org", type=Path, default=HERE / "org.json", help="who there is")
    parser.add_argument("--client-id", default="dingdemoappkey0001")
    parser.add_argument("--client-secret", default="Simulated-Client-Secret-0001")
    parser.add_argument("--corp-id", default="dingdemocorp0001")
    parser.add_argument("--agent-id", type=int, default=2600000001)
    parser.add_argument("--redirect", action="append", default=[], metavar="URL",
                        help="a registered callback address; none: any on loopback")
    parser.add_argument("--exit-with-parent", action="store_true",
                        help="stop when standard input is closed")
    return parser.parse_args()


def build(world: World) -> web.Application:
    login = Login(world)
    application = web.Application(client_max_size=4 << 20)
    # Oapi comes last: it answers for every path nobody else knows.
    for part in (login, Control(world, login), Api(world), Oapi(world)):
        application.add_routes(part.routes())
    return application


async def serve(options: argparse.Namespace) -> None:
    app = App(options.client_id, options.client_secret, options.corp_id, options.agent_id)
    world = World(app, Organisation.read(options.org), {"redirect_uris": options.redirect})
    # The client decides how long a connection stays, not we.
    runner = web.AppRunner(build(world), access_log=None, keepalive_timeout=3600)
    await runner.setup()
    site = web.TCPSite(runner, HOST, options.port, shutdown_timeout=0.1, reuse_address=True)
    await site.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    _announce(app, runner.addresses[0][1])
    await stop.wait()
    await runner.cleanup()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def _announce(app: App, port: int) -> None:
    base = f"http://{HOST}:{port}"
    print(json.dumps({"port": port, "login": base, "api": base, "oapi": base,
                      "control": f"{base}/_sim", "client_id": app.client_id,
                      "client_secret": app.client_secret, "corp_id": app.corp_id,
                      "agent_id": app.agent_id}), flush=True)


def main() -> int:
    asyncio.run(serve(arguments()))
    return 0
