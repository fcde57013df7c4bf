"""Wrong configurations: each a right text with one thing in it that is not."""

from dataclasses import dataclass

RIGHT = """\
[settings]
state_dir = "STATE"
[authorities.ca]
directory = "https://ca.example.org/dir"
[solvers.web]
type = "http-01"
[terminators.edge]
hook = "nginx"
[certificates.www]
names = ["www.example.org"]
terminators = ["edge"]
"""


@dataclass(frozen=True)
class Case:
    """`old` in the right text becomes `new`; then one fault is at `line`."""

    old: str
    new: str
    line: int
    key: str
    what: str
    remedy: str

    @property
    def text(self) -> str:
        """The wrong text."""
        assert self.old in RIGHT
        return RIGHT.replace(self.old, self.new, 1)


NAMES = 'names = ["www.example.org"]'
WWW = "certificates.www"
NINES = "9" * 5000
LONG = f"/{'x' * 300}"

CASES = {
    "a canary that is no terminator": Case(
        NAMES, f'{NAMES}\ncanary = "egde"', 11, f"{WWW}.canary", "no terminator", "'edge'"
    ),
    "hours that are none": Case(
        NAMES, f'{NAMES}\nquiet_hours = "9-17"', 11, f"{WWW}.quiet_hours", "no hours", "09:00-17:00"
    ),
    "hours in no zone": Case(
        NAMES, f'{NAMES}\nquiet_hours = "09:00-17:00 Mars/One"', 11, f"{WWW}.quiet_hours",
        "no time zone Mars/One", "IANA",
    ),
    "a pin that is no digest": Case(
        NAMES, f'{NAMES}\npins = ["abc"]', 11, f"{WWW}.pins[0]", "no SHA-256", "64"
    ),
    "a policy that is not known": Case(
        NAMES, f'{NAMES}\non_unconfirmed = "panic"', 11, f"{WWW}.on_unconfirmed", "'panic'",
        "rollback",
    ),
    "a solver's secret that is nowhere": Case(
        '"http-01"', '"rfc2136"\nkey = { file = "/no/such/key" }', 7, "solvers.web.key.file",
        "/no/such/key", "may read",
    ),
    "a solver's secret that is in two places": Case(
        '"http-01"', '"rfc2136"\nkey = { file = "/x", env = "X" }', 7, "solvers.web.key",
        "exclude each other", "file",
    ),
    "a program of a solver that is not there": Case(
        '"http-01"', '"exec"\nhook = "/no/such"', 7, "solvers.web.hook", "/no/such", "create"
    ),
    "an unknown section": Case("[settings]", "[setings]", 1, "setings", "unknown key", "settings"),
    "an unknown key": Case(
        NAMES, f'{NAMES}\nkeytype = "rsa-2048"', 11, f"{WWW}.keytype", "unknown key", "key_type"
    ),
    "a wrong type": Case(
        "[settings]", '[settings]\njobs = "4"', 2, "settings.jobs", "'4'", "without quotes"
    ),
    "a number out of range": Case(
        "[settings]", "[settings]\njobs = 0", 2, "settings.jobs", "greater than", "1 or more"
    ),
    "a bad duration": Case(
        "[settings]", '[settings]\ndeadline = "30"', 2, "settings.deadline", "'30'", "as in 30s"
    ),
    "a duration that is too short": Case(
        "[settings]", '[settings]\nwake_interval = "1s"', 2, "settings.wake_interval",
        "too short", "1m",
    ),
    "a relative state directory": Case(
        '"STATE"', '"state"', 2, "settings.state_dir", "relative path", "from / on"
    ),
    "a name server that is none": Case(
        "[settings]", '[settings]\nresolver = ["ns.example.org"]', 2, "settings.resolver[0]",
        "no IP address", "192.0.2.1",
    ),
    "an alert command that is not there": Case(
        "[settings]", '[alert]\ncommand = ["/no/such"]\n[settings]', 2, "alert.command",
        "cannot be run", "executable",
    ),
    "an unknown authority without a directory": Case(
        'directory = "https://ca.example.org/dir"', "", 3, "authorities.ca", "not known",
        "letsencrypt",
    ),
    "a directory without https": Case(
        "https://ca", "http://ca", 4, "authorities.ca.directory", "no https URL", "RFC 8555"
    ),
    "terms that are not agreed to": Case(
        '[authorities.ca]\ndirectory = "https://ca.example.org/dir"', "[authorities.letsencrypt]\n",
        3, "authorities.letsencrypt", "not agreed", "terms_of_service_agreed = true",
    ),
    "an authority that binds accounts": Case(
        '[authorities.ca]\ndirectory = "https://ca.example.org/dir"',
        "[authorities.zerossl]\nterms_of_service_agreed = true",
        3, "authorities.zerossl", "outside account", "external_account",
    ),
    "a contact that is none": Case(
        "[solvers.web]", 'contact = ["ops"]\n[solvers.web]', 5, "authorities.ca.contact[0]",
        "no contact", "mailto:",
    ),
    "a trust file that is not there": Case(
        "[solvers.web]", 'trust_file = "/no/such"\n[solvers.web]', 5, "authorities.ca.trust_file",
        "No such file", "may read",
    ),
    "a trust file without a certificate": Case(
        "[solvers.web]", 'ca_file = "/etc/passwd"\n[solvers.web]', 5, "authorities.ca.ca_file",
        "no certificate", "openssl",
    ),
    "a staging authority that is not there": Case(
        "[solvers.web]", 'staging = "stage"\n[solvers.web]', 5, "authorities.ca.staging",
        "no authority 'stage'", "known here",
    ),
    "an unknown kind of solver": Case(
        '"http-01"', '"webrot"', 6, "solvers.web.type", "'webrot'", "webroot"
    ),
    "a webroot without a path": Case(
        '"http-01"', '"webroot"', 5, "solvers.web.path", "missing", "path ="
    ),
    "a webroot that is not there": Case(
        '"http-01"', '"webroot"\npath = "/no/such"', 7, "solvers.web.path", "no folder", "create"
    ),
    "a listener with a path": Case(
        '"http-01"', '"http-01"\npath = "/srv"', 7, "solvers.web.path", "unknown", "listen"
    ),
    "a listener that listens nowhere": Case(
        '"http-01"', '"http-01"\nlisten = []', 7, "solvers.web.listen", "nowhere", "address"
    ),
    "a listener at a name": Case(
        '"http-01"', '"http-01"\nlisten = ["web:80"]', 7, "solvers.web.listen[0]", "no IP address",
        "192.0.2.1",
    ),
    "an unknown hook": Case(
        '"nginx"', '"ngnix"', 8, "terminators.edge.hook", "no hook 'ngnix'", "'nginx'"
    ),
    "a hook by a relative path": Case(
        '"nginx"', '"hooks/mine"', 8, "terminators.edge.hook", "relative", "from / on"
    ),
    "a hook that is not there": Case(
        '"nginx"', '"/no/such"', 8, "terminators.edge.hook", "no file", "create"
    ),
    "a hook that is not executable": Case(
        '"nginx"', '"/etc/passwd"', 8, "terminators.edge.hook", "not executable", "chmod"
    ),
    "a setting with a bad name": Case(
        '"nginx"', '"nginx"\nsettings = { "pid file" = "/run" }', 9,
        'terminators.edge.settings."pid file"', "right form", "underscores",
    ),
    "no names": Case(NAMES, "names = []", 10, f"{WWW}.names", "at least 1", "at least one"),
    "names left out": Case(NAMES, "", 9, f"{WWW}.names", "missing", "DNS names"),
    "too many names": Case(
        NAMES, f"names = {[f'n{i}.example.org' for i in range(101)]}", 10, f"{WWW}.names",
        "at most 100", "several",
    ),
    "a name that is none": Case(
        "www.example.org", "www_.example.org", 10, f"{WWW}.names[0]", "neither a DNS name",
        "*.example.org",
    ),
    "a name that stands twice": Case(
        NAMES, 'names = ["a.example.org",\n "A.example.org"]', 11, f"{WWW}.names[1]", "twice",
        "remove one",
    ),
    "a wildcard with http-01": Case(
        "www.example.org", "*.example.org", 10, f"{WWW}.names", "wildcard", "one by one"
    ),
    "a dangling authority": Case(
        NAMES, f'{NAMES}\nauthority = "cb"', 11, f"{WWW}.authority", "no authority 'cb'",
        "known here: ca",
    ),
    "a dangling solver": Case(
        NAMES, f'{NAMES}\nsolver = "wep"', 11, f"{WWW}.solver", "no solver 'wep'", "'web'"
    ),
    "a dangling terminator": Case(
        '["edge"]', '["edgy"]', 11, f"{WWW}.terminators[0]", "no terminator 'edgy'", "'edge'"
    ),
    "a dangling default": Case(
        "[certificates.www]", '[defaults]\nsolver = "wep"\n[certificates.www]', 10,
        "defaults.solver", "no solver 'wep'", "'web'",
    ),
    "an endpoint's port": Case(
        NAMES, f'{NAMES}\nendpoints = ["a.example.org:99999"]', 11, f"{WWW}.endpoints[0]",
        "no port", "65535",
    ),
    "an endpoint's terminator": Case(
        NAMES, f'{NAMES}\nendpoints = [{{ host = "a.example.org", terminator = "x" }}]', 11,
        f"{WWW}.endpoints[0].terminator", "no terminator of this", "edge",
    ),
    "an endpoint's address": Case(
        NAMES, f'{NAMES}\nendpoints = [{{ host = "a.example.org", addresses = ["b"] }}]', 11,
        f"{WWW}.endpoints[0].addresses[0]", "no IP address", "192.0.2.1",
    ),
    "an endpoint that is a wildcard": Case(
        NAMES, f'{NAMES}\nendpoints = ["*.example.org"]', 11, f"{WWW}.endpoints[0]",
        "cannot be looked at", "one host",
    ),
    "an unknown key type": Case(
        NAMES, f'{NAMES}\nkey_type = "rsa-1024"', 11, f"{WWW}.key_type", "'rsa-1024'", "rsa-2048"
    ),
    "a copy that opens its key": Case(
        NAMES, f'{NAMES}\ncopies = [{{ path = "/x", kind = "combined", mode = "0644" }}]', 11,
        f"{WWW}.copies[0].mode", "opens a private key", "0640",
    ),
    "a copy of the key alone": Case(
        NAMES, f'{NAMES}\ncopies = [{{ path = "/x", kind = "combined", key = "/y" }}]', 11,
        f"{WWW}.copies[0].key", "paths of their own", "combined",
    ),
    "a group that is not there": Case(
        NAMES, f'{NAMES}\ngroup = "nobody-has-this"', 11, f"{WWW}.group", "does not exist", "create"
    ),
    "a threshold that is none": Case(
        NAMES, f'{NAMES}\nrenew_before = "150%"', 11, f"{WWW}.renew_before", "no share", "99%"
    ),
    "a name for a certificate that is none": Case(
        "[certificates.www]", '[certificates."../www"]', 9, 'certificates."../www"',
        "cannot be a name", "letters",
    ),
    "a section that is no table": Case(
        "[settings]", "defaults = 3\n[settings]", 1, "defaults", "no table", "[defaults]"
    ),
    "an included file that is not there": Case(
        "[settings]", 'include = ["more.toml"]\n[settings]', 1, "include[0]", "no file", "conf.d"
    ),
    "a certificate that stands twice": Case(
        "[certificates.www]", '[certificates.www]\nnames = ["a.b"]\n[certificates.www]', 11, WWW,
        "stands twice", "rename or remove",
    ),
    "a syntax error": Case("[settings]", "[settings", 1, "", "not TOML", "syntax"),
    "a number that is too large": Case(
        "[settings]", "[settings]\njobs = 65", 2, "settings.jobs", "less than", "64 or less"
    ),
    "a number of thousands of digits": Case(
        "[settings]", f"[settings]\njobs = {NINES}", 2, "", "too many digits", "shorter"
    ),
    "a duration of thousands of digits": Case(
        NAMES, f'{NAMES}\ngrace = "{NINES}s"', 11, f"{WWW}.grace", "too long", "1d or less"
    ),
    "a duration that no calendar holds": Case(
        NAMES, f'{NAMES}\nconfirm_every = "9999999d"', 11, f"{WWW}.confirm_every", "too long",
        "3650d or less",
    ),
    "a threshold that no calendar holds": Case(
        NAMES, f'{NAMES}\nrenew_before = "9999999d"', 11, f"{WWW}.renew_before", "too long",
        "3650d or less",
    ),
    "a deadline of years": Case(
        "[settings]", '[settings]\ndeadline = "400d"', 2, "settings.deadline", "too long",
        "31d or less",
    ),
    "an interval of years": Case(
        "[settings]", '[settings]\nwake_interval = "400d"', 2, "settings.wake_interval",
        "too long", "31d or less",
    ),
    "a grace of days": Case(
        NAMES, f'{NAMES}\ngrace = "2d"', 11, f"{WWW}.grace", "too long", "1d or less"
    ),
    "a duration in another unit": Case(
        NAMES, f'{NAMES}\ngrace = "2w"', 11, f"{WWW}.grace", "right form", "s, m, h or d"
    ),
    "a port of thousands of digits": Case(
        NAMES, f'{NAMES}\nendpoints = ["a.example.org:{NINES}"]', 11, f"{WWW}.endpoints[0]",
        "no port", "65535",
    ),
    "a table nested too deeply to be read": Case(
        NAMES, f"names = {'[' * 2000}{']' * 2000}", 10, "", "nested too deeply", "flat"
    ),
    "a table nested more deeply than any of ours": Case(
        NAMES, f"{NAMES}\nx = {'[' * 100}{']' * 100}", 11, f"{WWW}.x", "unknown key", "known here"
    ),
    "a NUL byte in the state directory": Case(
        '"STATE"', r'"/a\u0000b"', 2, "settings.state_dir", "NUL", "remove"
    ),
    "a NUL byte in a command": Case(
        "[settings]", '[alert]\ncommand = ["/bin/true", "\\u0000"]\n[settings]', 2,
        "alert.command[1]", "NUL", "remove",
    ),
    "a NUL byte in a group": Case(
        NAMES, f'{NAMES}\ngroup = "\\u0000"', 11, f"{WWW}.group", "NUL", "remove"
    ),
    "a NUL byte in a key": Case(
        '"nginx"', '"nginx"\nsettings = { "a\\u0000" = 1 }', 9,
        'terminators.edge.settings."a\0"', "NUL", "remove",
    ),
    "a path of a file that is too long": Case(
        "[solvers.web]", f'ca_file = "{LONG}"\n[solvers.web]', 5, "authorities.ca.ca_file",
        "too long", "may read",
    ),
    "a path of a webroot that is too long": Case(
        '"http-01"', f'"webroot"\npath = "{LONG}"', 7, "solvers.web.path", "too long", "another"
    ),
    "a path of a hook that is too long": Case(
        '"nginx"', f'"{LONG}"', 8, "terminators.edge.hook", "too long", "another"
    ),
    "a path of a request that is too long": Case(
        NAMES, f'csr = "{LONG}"', 10, f"{WWW}.csr", "too long", "may read"
    ),
    "a path of a secret that is too long": Case(
        'type = "http-01"', f'type = "rfc2136"\nkey = {{ file = "{LONG}" }}', 7,
        "solvers.web.key.file", "too long", "may read",
    ),
    "a path of an included file that is too long": Case(
        "[settings]", f'include = ["{LONG}/a*"]\n[settings]', 1, "include[0]", "too long", "read"
    ),
    "an alert command by a relative path": Case(
        "[settings]", '[alert]\ncommand = ["bin/tell"]\n[settings]', 2, "alert.command",
        "relative", "from / on",
    ),
    "a contact without an address": Case(
        "[solvers.web]", 'contact = ["mailto:@"]\n[solvers.web]', 5, "authorities.ca.contact[0]",
        "no contact", "mailto:",
    ),
    "a contact with two addresses": Case(
        "[solvers.web]", 'contact = ["mailto:a@b, c@d"]\n[solvers.web]', 5,
        "authorities.ca.contact[0]", "no contact", "one address",
    ),
    "a directory without a host": Case(
        "https://ca.example.org/dir", "https://", 4, "authorities.ca.directory", "no URL", "host"
    ),
    "a directory with a space": Case(
        "https://ca.example.org/dir", "https://exa mple/x", 4, "authorities.ca.directory",
        "no URL", "host",
    ),
    "a directory with half a bracket": Case(
        "https://ca.example.org/dir", "https://[::1/x", 4, "authorities.ca.directory", "no URL",
        "host",
    ),
    "a directory with a port that is none": Case(
        "https://ca.example.org/dir", "https://ca:99999/x", 4, "authorities.ca.directory",
        "no URL", "host",
    ),
    "a proxy with half a bracket": Case(
        "[solvers.web]", 'proxy = "http://[bad"\n[solvers.web]', 5, "authorities.ca.proxy",
        "no proxy", "host:port",
    ),
    "an address that is listened at twice": Case(
        '"http-01"', '"http-01"\nlisten = ["[::1]:80", "[0::1]"]', 7, "solvers.web.listen[1]",
        "[::1]:80 stands twice", "remove",
    ),
    "an unknown limit": Case(
        "[solvers.web]", 'limits = { order = "3 in 3h" }\n[solvers.web]', 5,
        "authorities.ca.limits.order", "unknown key", "'orders'",
    ),
    "a limit in other words": Case(
        "[solvers.web]", 'limits = { orders = "300 per 3h" }\n[solvers.web]', 5,
        "authorities.ca.limits.orders", "right form", "as in 300 in 3h",
    ),
    "a limit over years": Case(
        "[solvers.web]", 'limits = { orders = "300 in 999999999d" }\n[solvers.web]', 5,
        "authorities.ca.limits.orders", "too long", "31d",
    ),
    "terms that are written not to be agreed to": Case(
        '[authorities.ca]\ndirectory = "https://ca.example.org/dir"',
        "[authorities.letsencrypt]\nterms_of_service_agreed = false",
        4, "authorities.letsencrypt.terms_of_service_agreed", "not agreed", "= true",
    ),
    "a setting of a hook that is no setting": Case(
        '"nginx"', '"nginx"\nsettings = { wait = 1.5 }', 9, "terminators.edge.settings.wait",
        "1.5", 'a string, as in "text", or a whole number',
    ),
    "a list that is wrong in one place": Case(
        NAMES, f'{NAMES}\nsolver = ["web", 3]', 11, f"{WWW}.solver[1]", "3", "a string"
    ),
    "a key that stands twice": Case(
        NAMES, f"{NAMES}\n{NAMES}", 11, "", "a key stands twice", "remove one"
    ),
    "a folder to include that is not there": Case(
        "[settings]", 'include = ["none/*.toml"]\n[settings]', 1, "include[0]", "no folder",
        "create",
    ),
    "a pattern with half a bracket": Case(
        "[settings]", 'include = ["[ab.toml"]\n[settings]', 1, "include[0]", "bracket", "close"
    ),
    "a pattern that can match nothing": Case(
        "[settings]", 'include = ["[z-a].toml"]\n[settings]', 1, "include[0]", "match nothing",
        "brackets",
    ),
    "a pattern for folders below folders": Case(
        "[settings]", 'include = ["**.toml"]\n[settings]', 1, "include[0]", "**", "one *"
    ),
    "the main file among the included": Case(
        "[settings]", 'include = ["everleaf.toml"]\n[settings]', 1, "include[0]", "itself",
        "remove",
    ),
    "a copy in the state directory": Case(
        NAMES, f'{NAMES}\ncopies = [{{ path = "STATE/x.pem", kind = "combined" }}]', 11,
        f"{WWW}.copies[0].path", "in the state directory", "elsewhere",
    ),
    "a copy without a path": Case(
        NAMES, f'{NAMES}\ncopies = [{{ path = "", kind = "combined" }}]', 11,
        f"{WWW}.copies[0].path", "empty", "name a file",
    ),
    "a copy in place of everything": Case(
        NAMES, f'{NAMES}\ncopies = [{{ path = "/", kind = "directory" }}]', 11,
        f"{WWW}.copies[0].path", "path of its own", "name a file",
    ),
    "a copy that stands twice": Case(
        NAMES,
        f'{NAMES}\ncopies = [{{ path = "/x", kind = "combined" }},\n'
        '{ path = "/tmp/../x", kind = "directory" }]',
        12, f"{WWW}.copies[1].path", "/x stands twice", "of its own",
    ),
    "a copy in another copy": Case(
        NAMES,
        f'{NAMES}\ncopies = [{{ path = "/x/y", kind = "combined" }},\n'
        '{ path = "/x", kind = "directory" }]',
        11, f"{WWW}.copies[0].path", "in the copy /x", "of its own",
    ),
}  # fmt: skip
