"""Further handshakes with one address beside the one that counts, a few at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from everleaf.system.executor import Threads
from everleaf.tls.diagnosing.lines import Lines
from everleaf.tls.diagnosing.versions import VERSIONS
from everleaf.tls.handshake import Shake

_AT_ONCE = 4  # connections to one address
_OTHER, _BARE = "other", "bare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What they showed.

    Attributes:
        other: with the other kind of key; None: the server has no other certificate.
        bare: without the server name; None: none was sent before either.
        versions: of TLS that are spoken, the oldest first.
    """

    other: Shake | None = None
    bare: Shake | None = None
    versions: tuple[str, ...] = field(default=())


def beside(lines: Lines, main: Shake, *, brief: bool) -> Beside:
    """Shake hands as often as it takes.

    Args:
        lines: to the address.
        main: the handshake that counts; it has shown a certificate.
        brief: the versions are not looked at.
    """
    kind = "ECDSA" if kind_of(main.chain[0]) == "RSA" else "RSA"
    calls: dict[str, Callable[[], Shake]] = {_OTHER: lambda: lines.shake_of_kind(kind)}
    if lines.server_name is not None:
        calls[_BARE] = lambda: lines.shake(named=False)
    for name, version in VERSIONS.items():
        if not brief and main.version and name != main.version:
            calls[name] = partial(lines.shake, minimum=version, maximum=version)
    done = Threads(_AT_ONCE).each(lambda name: calls[name](), tuple(calls))
    found = dict(one for one in done if one is not None)
    other = found[_OTHER]
    return Beside(
        other=other if other.chain[:1] not in ((), main.chain[:1]) else None,
        bare=found.get(_BARE),
        versions=tuple(
            name
            for name in VERSIONS
            if name == main.version or (name in found and found[name].version == name)
        ),
    )


def kind_of(leaf: bytes) -> str:
    """`RSA` or `ECDSA`, by the key; what is neither is asked for as ECDSA is."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from everleaf.pki.certificates import load

    try:
        key = load(leaf).public_key()
    except ValueError:
        return "ECDSA"
    return "RSA" if isinstance(key, RSAPublicKey) else "ECDSA"
