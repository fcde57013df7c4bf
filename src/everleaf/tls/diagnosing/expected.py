"""What is served beside what should be."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from everleaf.core.certificate import Facts
from everleaf.core.diagnosis import Expected, Finding
from everleaf.core.symptoms.names import CHAIN_NOT_AS_INSTALLED, NOT_AS_INSTALLED, NOT_RELOADED
from everleaf.errors import EverleafError


def findings(served: Sequence[Sequence[bytes]], expected: Expected) -> Iterator[Finding]:
    """What is otherwise than expected.

    Args:
        served: the chains that the server sends, one for each kind of key.
        expected: what should be.
    """
    if not expected.chain or not served:
        return
    for chain in served:
        if chain[0] == expected.chain[0]:
            # A file of the leaf alone, such as cert.pem, says nothing of what belongs behind it.
            if len(expected.chain) > 1 and tuple(chain) != tuple(expected.chain):
                yield _other_chain(chain, expected)
            return
    yield _other_leaf(served, expected)


def _other_chain(chain: Sequence[bytes], expected: Expected) -> Finding:
    missing = [one for one in expected.chain if one not in chain]
    extra = [one for one in chain if one not in expected.chain]
    if missing:
        words = f"sends {len(chain)} of {len(expected.chain)} certificates"
    elif extra:
        words = f"sends {len(extra)} more than should be sent"
    else:
        words = "sends the right certificates in another order"
    return Finding(
        symptom=CHAIN_NOT_AS_INSTALLED,
        what=f"it serves the certificate of {expected.source}, but {words}",
        detail={
            "source": expected.source,
            "missing": [sha256(one).hexdigest() for one in missing],
            "extra": [sha256(one).hexdigest() for one in extra],
        },
    )


def _other_leaf(served: Sequence[Sequence[bytes]], expected: Expected) -> Finding:
    known = [one for one in (_facts(chain[0]) for chain in served) if one is not None]
    should = _facts(expected.chain[0])
    seen = next((one for one in known if should and _is_before(one, should)), None)
    symptom = NOT_AS_INSTALLED
    if (
        seen
        and should
        and (expected.installed_at is None or expected.installed_at > seen.not_before)
    ):
        symptom = NOT_RELOADED
    one = seen or (known[0] if known else None)
    detail = {
        "source": expected.source,
        "expected": should.serial if should else None,
        "served": one.serial if one else None,
    }
    end = f", which ends {one.not_after:%F}" if one else ""
    what = f"it serves serial {detail['served'] or 'unreadable'}{end}"
    if symptom is NOT_RELOADED and expected.installed_at and should:
        came = f"{expected.installed_at:%F %T}Z"
        what += f", but {expected.source} has had serial {should.serial} since {came}"
    else:
        what += f", but {expected.source} has serial {detail['expected'] or 'unreadable'}"
    return Finding(symptom=symptom, what=what, detail=detail)


def _is_before(one: Facts, should: Facts) -> bool:
    """Whether it is the other one's predecessor; names may have been added or taken away since."""
    shared = set(one.identifiers) & set(should.identifiers)
    return bool(shared) and one.not_before < should.not_before


def _facts(der: bytes) -> Facts | None:
    from everleaf.pki.certificates import facts

    try:
        return facts(der)
    except EverleafError:
        return None
