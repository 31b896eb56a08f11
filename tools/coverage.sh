#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds with gcc's counters in build-coverage/, runs the unit tests or replays the fuzz corpora,
# and prints what they reached.
#
# gcc -O0: with optimisation a branch of the source is not always one of the program.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
root=$(pwd -P)
folder=build-coverage
python=/usr/bin/python3

usage() {
    cat <<END
usage: tools/coverage.sh [--databases | --corpora] [--missing[=PATH-PART]]

Builds in $folder/, runs the unit tests there (those of the database code with SQLite), and prints
lines and branches reached of every file of src/core and src/provider. What the tests against a real
httpd or the fuzz corpora reach does not count. The last line is PASS or FAIL, like the exit
status: of each layer 95 % of the lines and 85 % of the branches are asked, and that every test
passes.

  --databases            also t/test_databases.py: the same tests on PostgreSQL and MariaDB
  --corpora              the fuzz corpora alone, instead of the unit tests; no share is asked then
  --missing[=PATH-PART]  name the lines and branches that nothing reached, of files so named
END
}

databases=no
tests=unit_tests
table=()
for argument in "$@"; do
    case $argument in
    -h | --help) usage && exit 0 ;;
    --databases) databases=yes ;;
    --corpora) tests=fuzz_targets && table+=(--any-share) ;;
    --missing) table+=(--missing=) ;;
    --missing=*) table+=("$argument") ;;
    *) usage >&2 && exit 2 ;;
    esac
done

if [ $databases = yes ] && [ $tests = fuzz_targets ]; then
    usage >&2 && exit 2
fi

tools/build.sh "$folder" --enable-werror CC=gcc "CFLAGS=-O0 -g --coverage" LDFLAGS=--coverage \
    >/dev/null

# Counters add up from run to run: begin at nothing.
find "$folder" -name '*.gcda' -delete
rm -f "$folder"/t/{unit,fuzz}/*.{trs,log}
log=$folder/coverage.log
VERBOSE=1 make -s -C "$folder" -j"$(nproc)" check "TESTS=\$($tests)" \
    "check_PROGRAMS=\$($tests)" >"$log" 2>&1 || { tail -n 60 "$log" >&2; table+=(--failed); }
if ! compgen -G "$folder/t/*/*.trs" >/dev/null; then
    echo "coverage.sh: no test ran, see $log" >&2
    exit 1
fi

if [ $databases = yes ]; then
    DT_BUILD="$root/$folder" PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest -p no:cacheprovider -q \
        t/test_databases.py >"$log" 2>&1 || { tail -n 60 "$log" >&2; table+=(--failed); }
fi

exec "$python" -B tools/coverage.py "${table[@]}" "$folder"
