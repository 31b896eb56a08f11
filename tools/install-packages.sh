#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the distribution packages that are missing, for the groups named: build, demo, test, bench.
#
# Only what is missing is installed, so a second run needs neither network nor root. Optional
# packages (a browser, most of all) are passed over where the distribution does not have them.
set -euo pipefail

# packages KIND GROUP: the names, one or more a line. On Debian and Ubuntu apache2-bin is httpd with
# its modules, without the service that the package apache2 starts. RHEL needs EPEL and CRB.
packages() {
    case $1-$2 in
    deb-build) echo apache2-bin apache2-dev libapr1-dev libaprutil1-dev libcurl4-openssl-dev \
        libjansson-dev libssl-dev libldap-dev autoconf automake libtool pkg-config make gcc \
        libc6-dev binutils python3 ;;
    deb-demo) echo libaprutil1-dbd-sqlite3 openssl python3-requests python3-aiohttp \
        python3-cryptography \
        python3-qrcode python3-pil ;;
    deb-test) echo libcmocka-dev curl valgrind python3-pytest python3-pytest-xdist python3-h2 \
        postgresql mariadb-server sqlite3 slapd ldap-utils redis-server memcached \
        libaprutil1-dbd-pgsql libaprutil1-dbd-mysql libaprutil1-ldap ;;
    deb-bench) echo libapache2-mod-auth-openidc wrk ;;
    deb-optional) echo nodejs python3-selenium chromium chromium-driver fonts-noto-cjk ;;
    rpm-build) echo httpd httpd-devel apr-devel apr-util-devel libcurl-devel jansson-devel \
        openssl-devel openldap-devel autoconf automake libtool pkgconf-pkg-config make gcc \
        binutils diffutils findutils python3 ;;
    rpm-demo) echo mod_ssl mod_http2 apr-util-sqlite openssl python3-requests python3-aiohttp \
        python3-cryptography \
        python3-qrcode python3-pillow ;;
    rpm-test) echo libcmocka-devel libasan libubsan curl valgrind python3-pytest \
        python3-pytest-xdist python3-h2 postgresql-server mariadb-server sqlite openldap-servers \
        openldap-clients redis memcached apr-util-pgsql apr-util-mysql apr-util-ldap mod_ldap ;;
    rpm-bench) echo mod_auth_openidc ;;
    rpm-optional) echo nodejs python3-selenium chromium chromedriver google-noto-sans-cjk-fonts ;;
    esac
}

usage() {
    echo "usage: tools/install-packages.sh build|demo|test|bench   (each includes those before it)"
    exit "$1"
}

say() { echo "install-packages: $*" >&2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "this needs root, and there is no sudo. Run as root: $*"
        return 1
    fi
}

# --- Debian, Ubuntu ------------------------------------------------------------------------------

deb_missing() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

# No pipe into grep -q: it stops reading at once, and apt-cache's broken pipe would count as a no.
deb_known() { [[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!'(']* ]]; }

# Has this machine a list of packages at all? A fresh container has none.
deb_lists() { compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; }

apt_quiet() {
    local log status=0
    log=$(mktemp)
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" >"$log" 2>&1 || status=$?
    [ $status -eq 0 ] || tail -n 20 "$log" >&2
    rm -f "$log"
    return $status
}

deb_update() { apt_quiet update || { sleep 3 && apt_quiet update; }; }

# The tests start their own servers: while we install, no package may start a service. That is what
# policy-rc.d is for; an administrator's own stays as it is.
deb_install() {
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        # shellcheck disable=SC2064  # $policy is known now, and not later
        trap "as_root rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    apt_quiet install -y --no-install-recommends "$@"
}

# --- Fedora, RHEL ----------------------------------------------------------------------------------

rpm_missing() {
    local package
    for package in "$@"; do
        rpm -q --quiet --whatprovides "$package" || echo "$package"
    done
}

rpm_known() { dnf -q list --available "$1" >/dev/null 2>&1; }

rpm_lists() { :; }

rpm_update() { :; }

rpm_install() { as_root dnf -q -y install --setopt=install_weak_deps=False "$@" >/dev/null; }

# --- both --------------------------------------------------------------------------------------------

groups='' optional=''
case ${1-} in
build) groups=build ;;
demo) groups='build demo' ;;
test) groups='build demo test' optional=optional ;;
bench) groups='build demo test bench' optional=optional ;;
-h | --help) usage 0 ;;
*) usage 2 ;;
esac
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    kind=deb
elif command -v dnf >/dev/null && command -v rpm >/dev/null; then
    kind=rpm
else
    say "neither apt-get nor dnf here: install by hand what ./configure and the tests ask for"
    exit 0
fi

# shellcheck disable=SC2046  # lists of words
missing=$(for group in $groups; do ${kind}_missing $(packages $kind "$group"); done)
# shellcheck disable=SC2046
wished=$(for group in $optional; do ${kind}_missing $(packages $kind "$group"); done)

if [ -n "$missing" ] || { [ -n "$wished" ] && ! ${kind}_lists; }; then
    ${kind}_update
fi
for package in $wished; do
    if ${kind}_known "$package"; then
        missing="$missing $package"
    else
        say "this distribution has no package $package: tests that need it are skipped"
    fi
done
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    set -- $missing
    say "installing $*"
    ${kind}_install "$@"
fi
