# SPDX-License-Identifier: Apache-2.0
"""The sample application behind ProxyPass, which reports what it was sent."""

from .build import ROOT
from .process import Helper


class Application(Helper):
    """Starts t/app/whoami.py."""

    def __init__(self):
        super().__init__(["/usr/bin/python3", ROOT / "t" / "app" / "whoami.py", "--port", "0"])

    @property
    def port(self):
        """The port it listens on, on loopback."""
        return self.ready["port"]

    @property
    def url(self):
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"
