#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures the sources into a build folder and runs make there: all, or what DT_GOALS says.
#
# usage: tools/build.sh FOLDER [CONFIGURE-OPTION…]
#
# A folder that is configured already is configured again only when the options differ. Without
# options any configured folder is good, so ./demo uses what ./runtests built.
set -euo pipefail

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
folder=$1
shift
options="$top $*"

cd -- "$top"
if [ ! -x configure ] || [ configure.ac -nt configure ] || [ Makefile.am -nt Makefile.in ]; then
    log=$(mktemp)
    ./autogen.sh >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; exit 1; }
    rm -f "$log"
fi
if [ -f config.status ]; then
    # automake refuses to build elsewhere while the source folder itself is configured
    echo "build.sh: cleaning the build that was made in the source folder itself" >&2
    make -s distclean >/dev/null || rm -f config.status
fi

mkdir -p "$folder"
cd -- "$folder"
said=$(cat .options 2>/dev/null || true)
if [ ! -f config.status ] || [ "${said%% *}" != "$top" ] ||
    { [ $# -gt 0 ] && [ "$said" != "$options" ]; }; then
    rm -f .options
    "$top/configure" -q "$@" >configure.out 2>&1 || { cat configure.out >&2; exit 1; }
    printf '%s\n' "$options" >.options
fi
# shellcheck disable=SC2086  # words
exec make -s -j"$(nproc)" ${DT_GOALS:-all}
