# SPDX-License-Identifier: Apache-2.0
"""A library that is loaded into httpd in front of all others, compiled from its source."""

import os
import pathlib
import shutil
import subprocess
import tempfile


class Preload:
    """Give its environment to an Httpd of this build; then the library is in every child."""

    source = ""    # in C
    variable = ""  # of the environment: names the file through which library and test talk

    def __init__(self, build, mode):
        self.preload = build.environment().get("LD_PRELOAD")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-preload-"))
        self.folder.chmod(mode)
        self.file = self.folder / "file"
        self.library = self.folder / "library.so"
        compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
        subprocess.run([*compiler.split(), "-shared", "-fPIC", "-O1", "-o", str(self.library),
                        "-x", "c", "-", "-ldl"], input=self.source.encode(), check=True)

    @property
    def environment(self):
        """What httpd's environment needs."""
        preload = ":".join(filter(None, (self.preload, str(self.library))))
        return {"LD_PRELOAD": preload, self.variable: str(self.file)}

    def remove(self):
        """Delete its files."""
        shutil.rmtree(self.folder, ignore_errors=True)
