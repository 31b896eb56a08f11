#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure and the Makefile templates out of configure.ac and Makefile.am.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
for tool in autoreconf automake libtoolize pkg-config; do
    if ! command -v "$tool" >/dev/null; then
        echo "autogen.sh: $tool not found: install autoconf, automake, libtool and" \
             "pkg-config (Debian, Ubuntu) or pkgconf (Fedora, RHEL)" >&2
        exit 1
    fi
done
mkdir -p m4
autoreconf --force --install --warnings=all,no-portability,no-obsolete
rm -f configure~ # the one before, as some versions keep it
