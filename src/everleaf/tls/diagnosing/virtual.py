"""Which virtual host answers: compared with and without the server name."""

from collections.abc import Sequence

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.names import HOSTNAME_MISMATCH, WRONG_VIRTUAL_HOST
from everleaf.tls.diagnosing.beside import Beside, kind_of
from everleaf.tls.diagnosing.lines import Lines
from everleaf.tls.handshake import Shake


def wrong_host(
    name: str, named: Shake, bare: Shake | None, judged: Sequence[Finding]
) -> tuple[Finding, ...]:
    """The default virtual host answers for the name, where that is so.

    A certificate for a name that is close (with `www` or without, a wildcard of the wrong level) is
    meant for the host, and says more by itself.

    Args:
        name: that was sent.
        named: the handshake with it.
        bare: the handshake without; None: none was made.
        judged: what speaks against the chain of the first one.
    """
    if bare is None or not named.chain or bare.chain[:1] != named.chain[:1]:
        return ()
    mismatches = [one for one in judged if one.symptom is HOSTNAME_MISMATCH]
    if not mismatches or any(one.detail.get("close") for one in mismatches):
        return ()
    what = (
        f"no virtual host answers for {name}: the certificate is the one that is sent where no "
        "name is asked for"
    )
    return (Finding(symptom=WRONG_VIRTUAL_HOST, what=what),)


def of_the_host(lines: Lines, name: str, main: Shake, more: Beside) -> list[Shake]:
    """The handshakes whose certificates are the host's own: one, or one for each kind of key.

    Where the host has none with the other kind of key, Go's server falls back to that of its
    default virtual host: no fault, since no client of today lacks ECDSA.

    Args:
        lines: to the address.
        name: that the certificates must be for.
        main: the handshake that counts.
        more: those beside it.
    """
    other, bare = more.other, more.bare
    if other is None:
        return [main]
    chosen = bare is not None and bare.chain[:1] != main.chain[:1]
    if chosen and _is_for(main.chain[0], name) and not _is_for(other.chain[0], name):
        default = lines.shake_of_kind(kind_of(other.chain[0]), named=False)
        if default.chain[:1] == other.chain[:1]:
            return [main]
    return [main, other]


def _is_for(leaf: bytes, name: str) -> bool:
    from everleaf.pki.certificates import load
    from everleaf.pki.judging import names

    try:
        return not any(names.findings(load(leaf), name))
    except ValueError:
        return False
