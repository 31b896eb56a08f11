# SPDX-License-Identifier: Apache-2.0
"""A real OpenLDAP on loopback, in a temporary folder.

    with Directory() as directory:
        directory.person("zhang", mobile="13800138000", mail="zhang@example.org")
        DingTalkAccounts "ldap:{directory.url}"

It has one branch of people. Anybody may read it, or with anonymous=False only `reader`.
"""

import base64
import glob
import os
import pathlib
import subprocess
import tempfile

from .databases import find_program
from .httpd import free_port
from .process import Server

SUFFIX = "dc=example,dc=org"
PEOPLE = "ou=people," + SUFFIX
READER = "cn=reader," + SUFFIX
PASSWORD = "pa55 word"
PATIENCE = 30
SCHEMAS = ("core", "cosine", "inetorgperson", "nis")

BASE = f"""\
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {READER}
objectClass: simpleSecurityObject
objectClass: organizationalRole
cn: reader
userPassword: {PASSWORD}
"""


class DirectoryFailed(Exception):
    """slapd did not start, or refused a change; the text is what it said."""


def _folder(*patterns):
    """The first folder that is there; None without any."""
    found = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    return pathlib.Path(found[0]) if found else None


def line(name, value):
    """One line of LDIF, whatever bytes the value has."""
    data = value if isinstance(value, bytes) else str(value).encode()
    return f"{name}:: {base64.b64encode(data).decode()}"


class Directory(Server):
    """One slapd.

    anonymous  False: only the reader may search
    tls        a lib.tls.Pair: StartTLS on the one port, and ldaps on another
    options    more lines of the database's configuration, e.g. "sizelimit 3"
    """

    suffix, people, reader, password = SUFFIX, PEOPLE, READER, PASSWORD

    def __init__(self, anonymous=True, tls=None, options=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-slapd-"))
        self.anonymous = anonymous
        self.tls = tls
        self.options = options
        self.port = free_port()
        self.tls_port = free_port()
        self.log = self.folder / "log"

    @staticmethod
    def available():
        """True when it is installed."""
        return bool(find_program("slapd") and find_program("ldapmodify"))

    # -- what tests say ------------------------------------------------------------------------

    @property
    def server(self):
        """Scheme, address and port."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def url(self):
        """The people, by uid."""
        return f"{self.server}/{PEOPLE}?uid"

    @property
    def tls_url(self):
        """The same over ldaps."""
        return f"ldaps://127.0.0.1:{self.tls_port}/{PEOPLE}?uid"

    def add(self, ldif):
        """Add entries."""
        self._change(ldif, "-a")

    def modify(self, ldif):
        """Change, rename or delete entries: LDIF with `changetype`."""
        self._change(ldif)

    def person(self, uid, name="Somebody", **attributes):
        """Add a person; an attribute has one value or a list of them, each text or bytes."""
        lines = [line("dn", f"uid={uid},{PEOPLE}"), "objectClass: inetOrgPerson", line("uid", uid),
                 line("cn", name), line("sn", name)]
        for attribute, values in attributes.items():
            values = values if isinstance(values, (list, tuple)) else [values]
            lines += [line(attribute, value) for value in values]
        self.add("\n".join(lines) + "\n")

    def remove(self, uid):
        """Delete a person."""
        self.modify(f"dn: uid={uid},{PEOPLE}\nchangetype: delete\n")

    def clear(self):
        """Delete all people."""
        for found in self._search(PEOPLE, "one", "(objectClass=*)").split("dn:")[1:]:
            encoded = found.startswith(": ")
            dn = found.lstrip(": ").splitlines()[0]
            dn = base64.b64decode(dn).decode() if encoded else dn
            self.modify(line("dn", dn) + "\nchangetype: delete\n")

    def _change(self, ldif, *options):
        self._run("ldapmodify", *options, *self._as_root(), text=ldif)

    def _search(self, base, scope, condition):
        return self._run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", base, "-s", scope,
                         *self._as_root(), condition, "1.1")

    def _as_root(self):
        return ["-x", "-H", self.server, "-D", "cn=root," + SUFFIX, "-w", PASSWORD]

    @staticmethod
    def _run(program, *words, text=None):
        done = subprocess.run([find_program(program), *map(str, words)], input=text, text=True,
                              env={**os.environ, "LDAPNOINIT": "1"}, capture_output=True,
                              timeout=PATIENCE, check=False)
        if done.returncode:
            raise DirectoryFailed(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    # -- life ------------------------------------------------------------------------------------

    def _configuration(self):
        schemas = _folder("/etc/ldap/schema", "/etc/openldap/schema")
        modules = _folder("/usr/lib/ldap", "/usr/lib*/openldap")
        lines = [f"include {schemas}/{name}.schema" for name in SCHEMAS]
        if modules and list(modules.glob("back_mdb*")):
            lines += [f"modulepath {modules}", "moduleload back_mdb"]
        if self.tls:
            lines += [f"TLSCertificateFile {self.tls.certificate}",
                      f"TLSCertificateKeyFile {self.tls.key}"]
        readers = "by * read" if self.anonymous else f'by dn.exact="{READER}" read by * none'
        lines += ["database mdb", f'suffix "{SUFFIX}"', f"directory {self.folder}/data",
                  f'rootdn "cn=root,{SUFFIX}"', f'rootpw "{PASSWORD}"', "dbnosync",
                  "index objectClass,uid,mail,mobile,employeeNumber eq", self.options,
                  "access to attrs=userPassword by anonymous auth by * none",
                  f"access to * {readers}"]
        return "\n".join(lines) + "\n"

    def start(self):
        """Start, on the same port and with the same entries as before, until it answers."""
        fresh = not (self.folder / "data").exists()
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "slapd.conf").write_text(self._configuration(), encoding="utf-8")
        urls = f"{self.server}/"
        if self.tls:
            urls += f" ldaps://127.0.0.1:{self.tls_port}/"
        command = [find_program("slapd"), "-f", self.folder / "slapd.conf", "-h", urls, "-d", "0"]
        self.launch(command, lambda: self._search("", "base", "(objectClass=*)"), DirectoryFailed)
        if fresh:
            self.add(BASE)
        return self

