"""What was seen at one address, for programs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from everleaf.core.diagnosis import Finding
from everleaf.tls.handshake import Shake


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One address.

    Attributes:
        main: the handshake that counts.
        chains: those that the server sends, one for each kind of key; DER.
        findings: without the address.
        facts: what was seen, JSON values.
    """

    address: str
    main: Shake
    chains: tuple[tuple[bytes, ...], ...] = field(default=(), repr=False)
    findings: tuple[Finding, ...] = ()
    facts: dict[str, object] = field(default_factory=dict)


def chain_facts(chain: Sequence[bytes]) -> list[dict[str, object]]:
    """Each certificate of a chain."""
    from everleaf.pki.judging.facts import facts

    return [facts(one) for one in chain]


def shake_facts(main: Shake) -> dict[str, object]:
    """What the handshake itself showed."""
    return {
        "handshake": main.ended_well,
        "words": main.words or None,
        "version": main.version or None,
        "cipher": main.cipher or None,
        "chain": chain_facts(main.chain),
        "client_certificate": {
            "asked": main.asked,
            "authorities": list(main.authorities),
        },
    }
