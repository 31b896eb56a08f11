# SPDX-License-Identifier: Apache-2.0
"""A certificate authority that lives as long as the test run."""

import collections
import pathlib
import ssl
import subprocess

Pair = collections.namedtuple("Pair", "certificate key")


class Authority:
    """Makes certificates with the openssl command into one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = Pair(self.folder / "ca.pem", self.folder / "ca.key")
        self._made = {}
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-days", "3", "-subj", "/CN=test authority",
                      "-keyout", self.root.key, "-out", self.root.certificate)

    def certificate(self, *names):
        """A certificate for these host names and addresses."""
        if names in self._made:
            return self._made[names]
        stem = self.folder / f"cert{len(self._made)}"
        pair = Pair(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        kinds = [("IP:" if name.replace(".", "").isdigit() else "DNS:") + name for name in names]
        extensions = stem.with_suffix(".ext")
        extensions.write_text("subjectAltName=" + ",".join(kinds) + "\n")
        request = stem.with_suffix(".csr")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-subj", "/CN=" + names[0], "-keyout", pair.key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.root.certificate,
                      "-CAkey", self.root.key, "-CAcreateserial", "-days", "3",
                      "-extfile", extensions, "-out", pair.certificate)
        self._made[names] = pair
        return pair

    def context(self, *protocols):
        """A client context that trusts this authority, offering these ALPN protocols."""
        context = ssl.create_default_context(cafile=str(self.root.certificate))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
