# SPDX-License-Identifier: Apache-2.0
"""The process: command line, listeners on loopback, one JSON line, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any, Iterable

from aiohttp import web

from .aliyun import Aliyun
from .api import Api
from .control import Control
from .gateway import PREFIX, Gateway
from .login import Login
from .oapi import Oapi
from .organisation import Organisation
from .tencent import Tencent
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


def build(world: World) -> dict[str, web.Application]:
    """What answers on each port. Aliyun and Tencent have ports of their own: their path is "/"."""
    login = Login(world)
    ports = {
        # Oapi comes last: it answers for every path nobody else knows.
        "dingtalk": (login, Control(world, login), Gateway(world), Api(world), Oapi(world)),
        "aliyun": (Aliyun(world),),
        "tencent": (Tencent(world),),
    }
    return {name: _application(parts) for name, parts in ports.items()}


def _application(parts: Iterable[Any]) -> web.Application:
    application = web.Application(client_max_size=4 << 20)
    for part in parts:
        application.add_routes(part.routes())
    return application


async def serve(options: argparse.Namespace) -> None:
    app = App(options.client_id, options.client_secret, options.corp_id, options.agent_id)
    world = World(app, Organisation.read(options.org), {"redirect_uris": options.redirect})
    runners = {name: await _listen(application, options.port if name == "dingtalk" else 0)
               for name, application in build(world).items()}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    _announce(world, {name: runner.addresses[0][1] for name, runner in runners.items()})
    await stop.wait()
    for runner in runners.values():
        await runner.cleanup()


async def _listen(application: web.Application, port: int) -> web.AppRunner:
    # The client decides how long a connection stays, not we.
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=3600)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, shutdown_timeout=0.1, reuse_address=True).start()
    return runner


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def _announce(world: World, ports: dict[str, int]) -> None:
    app, settings = world.app, world.settings
    bases = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    base = bases.pop("dingtalk")
    print(json.dumps({"port": ports["dingtalk"], "login": base, "api": base, "oapi": base,
                      "control": f"{base}/_sim", **bases, "gateway": base + PREFIX,
                      "client_id": app.client_id, "client_secret": app.client_secret,
                      "corp_id": app.corp_id, "agent_id": app.agent_id,
                      "aliyun_key": settings.aliyun_key, "aliyun_secret": settings.aliyun_secret,
                      "tencent_key": settings.tencent_key,
                      "tencent_secret": settings.tencent_secret,
                      "tencent_app": settings.tencent_app}), flush=True)


def main() -> int:
    asyncio.run(serve(arguments()))
    return 0
