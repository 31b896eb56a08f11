# SPDX-License-Identifier: Apache-2.0
"""What httpd needs to run a module that was built with sanitizers, and to tell its leaks."""

import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

SUPPRESSIONS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "lsan.supp"
# A child has to answer for the memory that it has allocated itself. What it has from its parent is
# referred to by pools, whose memory Debian's APR maps, and LeakSanitizer does not look there. OpenSSL
# cleans up when a process exits, and then forgets what it keeps for threads that go on: it must not.
OWN_MEMORY = r"""
#include <openssl/crypto.h>
#include <pthread.h>
#include <sanitizer/lsan_interface.h>

static int is_child;

static void begin(void)
{
    if (!is_child) {
        is_child = 1;
        __lsan_enable();
    }
}

__attribute__((constructor)) static void wait_for_children(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    __lsan_disable();
    pthread_atfork(NULL, NULL, begin);
}
"""


@functools.lru_cache(maxsize=None)
def _own_memory():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-leaks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o711)
    library = folder / "own.so"
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    subprocess.run([*compiler.split(), "-shared", "-fPIC", "-O1", "-o", str(library),
                    "-x", "c", "-", "-lcrypto"], input=OWN_MEMORY.encode(), check=True)
    return library


def environment(runtimes, reports=None):
    """The environment of httpd; runtimes: the libraries that must be loaded before all others.

    reports: a folder that every process of httpd may write to. What sanitizers say is put there,
    and a child that ends also says what memory it has lost. httpd needs a CoreDumpDirectory for
    that, or a child that has changed its user may not look at itself.

    DT_ASAN_OPTIONS may add more, as fast_unwind_on_malloc=0, which shows whole stacks and is slow.
    """
    options = ["abort_on_error=0", "use_sigaltstack=0", f"detect_leaks={1 if reports else 0}"]
    if reports:
        options.append(f"log_path={reports}/report")
    return {
        "LD_PRELOAD": f"{runtimes}:{_own_memory()}",
        "ASAN_OPTIONS": ":".join([*options, os.environ.get("DT_ASAN_OPTIONS", "")]),
        "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS}:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
