"""On the server itself: files, processes, back ends."""

from everleaf.core.symptoms import Symptom, Weight

FILE_MISSING = Symptom(
    code="configured-file-missing",
    rank=90,
    meaning="A file that the running server's configuration names is not there, so that its next "
    "reload or start fails; until then it serves what it has in memory.",
    check="Check the path, what a link on it points to, and who removed it",
)
FILE_UNREADABLE = Symptom(
    code="configured-file-unreadable",
    rank=90,
    meaning="A file that the configuration names holds nothing that can be read as the certificate "
    "or the key that it should be: it is no PEM, cut off, or no file.",
    check="Look at the file with `openssl x509` or `openssl pkey -noout`, and install it once more",
)
CHANGED_SINCE_RELOAD = Symptom(
    code="changed-since-reload",
    rank=91,
    meaning="The certificate's file, or a link on the way to it, changed after the process had "
    "last read its configuration: it serves another certificate than the file holds.",
    check="Reload the server, and see in its log whether it takes the reload",
)
BYPASSES_LIVE = Symptom(
    code="bypasses-live",
    rank=92,
    meaning="The configuration names a version's own folder, so that the server stays with this "
    "version whatever is renewed, until the folder is removed.",
    check="Name the path through `live` in the configuration, and reload",
)
OLDER_VERSION = Symptom(
    code="older-version-configured",
    rank=92,
    meaning="The file that the configuration names holds an older version of a certificate that "
    "everleaf has renewed since: a copy that nobody brings up to date.",
    check="Name the path through `live`, or configure the file as a copy of the certificate",
)
BACKEND_STORE_MISSING = Symptom(
    code="backend-store-missing",
    rank=93,
    meaning="The trust store against which the back end's certificate is checked is not there: the "
    "next reload fails, or no back end is trusted.",
    check="Install the bundle of roots there, or name the system's",
)
BACKEND_NOT_VERIFIED = Symptom(
    code="backend-not-verified",
    rank=95,
    meaning="The server speaks TLS to a back end and takes every certificate there: whoever stands "
    "in between can read and change everything.",
    check="Have the chain checked where the way to the back end is not your own (nginx: "
    "`proxy_ssl_verify on`; haproxy: `verify required`; Apache: `SSLProxyVerify require`)",
    weight=Weight.NOTICE,
)
BACKEND_NAME_NOT_CHECKED = Symptom(
    code="backend-name-not-checked",
    rank=96,
    meaning="The chain of the back end's certificate is checked and its name is not: everybody "
    "who has a certificate of the same authority can be the back end.",
    check="Have the name checked as well (haproxy: `verifyhost` or `sni`; Apache: "
    "`SSLProxyCheckPeerName on`)",
    weight=Weight.NOTICE,
)
BACKEND_NAME_NOT_SENT = Symptom(
    code="backend-name-not-sent",
    rank=96,
    meaning="No server name (SNI) is sent to the back end, which answers with its default "
    "certificate, or refuses where it has several.",
    check="Send it where the back end has virtual hosts (nginx: `proxy_ssl_server_name on`; "
    "haproxy: `sni`)",
    weight=Weight.NOTICE,
)
BACKEND_CLIENTS_NAME = Symptom(
    code="backend-by-clients-name",
    rank=96,
    meaning="The back end is asked for by the name that the client sent, and its certificate is "
    "checked for that one, since the host is preserved.",
    check="Check that the back end has a certificate for the public name; else `ProxyPreserveHost` "
    "off",
    weight=Weight.NOTICE,
)
RELOAD_UNCERTAIN = Symptom(
    code="reload-uncertain",
    rank=96,
    meaning="Whether the process has read the certificate's file as it is now cannot be told: its "
    "owner or mode changed since the last reload, or it was replaced by one with an older date; or "
    "some of the server's processes are older than the file and others are not.",
    check="Compare what is served with the file: `everleaf diagnose HOST --expect FILE`",
    weight=Weight.NOTICE,
)
UNTENDED_COPY = Symptom(
    code="untended-copy",
    rank=97,
    meaning="The file holds the certificate that is live, and is no copy that everleaf knows of: "
    "after the next renewal it is an older version, unless a hook replaces it.",
    check="Name the path through `live`, or configure the file as a copy of the certificate",
    weight=Weight.NOTICE,
)
NOT_OURS = Symptom(
    code="not-from-everleaf",
    rank=97,
    meaning="The certificate that the configuration names is none that everleaf installed.",
    check="Check who renews it, where it is to be renewed",
    weight=Weight.NOTICE,
)
NOTHING_NAMED = Symptom(
    code="no-certificate-configured",
    rank=97,
    meaning="The configuration, as it can be read, names no certificate, so that nothing was "
    "looked at: the server has no TLS, or its configuration is broken by now.",
    check="Check the configuration by the server's own test, such as `nginx -t`",
    weight=Weight.NOTICE,
)
NOT_PERMITTED = Symptom(
    code="not-permitted",
    rank=98,
    meaning="A file may not be read by whoever looks, so that less is known.",
    check="Run it as root",
    weight=Weight.NOTICE,
)
ANOTHER_FILE_SYSTEM = Symptom(
    code="another-file-system",
    rank=98,
    meaning="The process has a file system of its own, as in a container or a chroot: its files "
    "are not those that its paths name here, and were not looked at.",
    check="Run it inside the container",
    weight=Weight.NOTICE,
)

ROWS: tuple[Symptom, ...] = (
    FILE_MISSING,
    FILE_UNREADABLE,
    CHANGED_SINCE_RELOAD,
    BYPASSES_LIVE,
    OLDER_VERSION,
    BACKEND_STORE_MISSING,
    BACKEND_NOT_VERIFIED,
    BACKEND_NAME_NOT_CHECKED,
    BACKEND_NAME_NOT_SENT,
    BACKEND_CLIENTS_NAME,
    RELOAD_UNCERTAIN,
    UNTENDED_COPY,
    NOT_OURS,
    NOTHING_NAMED,
    NOT_PERMITTED,
    ANOTHER_FILE_SYSTEM,
)
