"""Which virtual host answers: compared with and without the server name."""

from collections.abc import Sequence

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.names import HOSTNAME_MISMATCH, WRONG_VIRTUAL_HOST
from everleaf.tls.handshake import Shake


def wrong_host(
    name: str, named: Shake, bare: Shake | None, judged: Sequence[Finding]
) -> tuple[Finding, ...]:
    """The default virtual host answers for the name, where that is so.

    Args:
        name: that was sent.
        named: the handshake with it.
        bare: the handshake without; None: none was made.
        judged: what speaks against the chain of the first one.
    """
    if bare is None or not named.chain or bare.chain[:1] != named.chain[:1]:
        return ()
    if not any(one.symptom is HOSTNAME_MISMATCH for one in judged):
        return ()
    what = (
        f"no virtual host answers for {name}: the certificate is the one that is sent where no "
        "name is asked for"
    )
    return (Finding(symptom=WRONG_VIRTUAL_HOST, what=what),)
