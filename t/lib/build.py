# SPDX-License-Identifier: Apache-2.0
"""Where the build tree put the module and which httpd it was built for."""

import json
import os
import pathlib

from . import sanitizers

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Build:
    """The facts that configure wrote into t/build.json of the build folder.

    The folder is DT_BUILD in the environment, else `build` beside the sources, else the sources.
    """

    def __init__(self, folder=None):
        self.folder = self._find(folder or os.environ.get("DT_BUILD"))
        with open(self.folder / "t" / "build.json", encoding="utf-8") as file:
            facts = json.load(file)
        self.facts = facts
        self.module = facts["module"]
        self.httpd = facts["httpd"]
        self.libexecdir = pathlib.Path(facts["libexecdir"])
        preload = facts.get("preload") or ""
        self.preload = preload if isinstance(preload, str) else ":".join(preload)

    @staticmethod
    def _find(folder):
        if folder:
            return pathlib.Path(folder).resolve()
        for candidate in (ROOT / "build", ROOT):
            if (candidate / "t" / "build.json").exists():
                return candidate
        raise FileNotFoundError("no t/build.json: run ./configure first or set DT_BUILD")

    def environment(self, reports=None):
        """The environment httpd needs; reports: the folder for what sanitizers say."""
        return sanitizers.environment(self.preload, reports) if self.preload else {}
