"""The addresses of one name beside each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.connection import NO_ROUTE, NO_ROUTE_FROM_HERE
from everleaf.core.symptoms.names import ADDRESS_DIFFERS, CERTIFICATES_DIFFER
from everleaf.tls.diagnosing.seen import Seen

_TWO = 2


def located(seen: Sequence[Seen]) -> list[Finding]:
    """All that was found, each with its address; no way from here is a fault only if it is all."""
    somewhere = any(one.main.code != NO_ROUTE.code for one in seen)
    found = []
    for one in seen:
        for finding in one.findings:
            symptom = finding.symptom
            if symptom is NO_ROUTE and somewhere:
                symptom = NO_ROUTE_FROM_HERE
            found.append(replace(finding, symptom=symptom, where=(one.address,)))
    return found


def compared(seen: Sequence[Seen]) -> list[Finding]:
    """Where one address differs from the others."""
    looked = [one for one in seen if one.main.code != NO_ROUTE.code]
    if len(looked) < _TWO:
        return []
    faults = {one.address: _faults(one) for one in looked}
    if len(set(faults.values())) > 1:
        return _odd(faults)
    leaves = {one.address: one.main.chain[:1] for one in looked}
    if len(set(leaves.values())) > 1:
        what = "the addresses serve different certificates, with the same result for clients"
        return [Finding(symptom=CERTIFICATES_DIFFER, what=what, where=tuple(leaves))]
    return []


def _faults(one: Seen) -> frozenset[str]:
    return frozenset(finding.code for finding in one.findings if finding.is_fault)


def _odd(faults: dict[str, frozenset[str]]) -> list[Finding]:
    """Those that are not as most are; where there is no most, as the healthy ones are."""
    counts = Counter(faults.values())
    usual = max(counts, key=lambda one: (counts[one], not one, -len(one)))
    found = []
    for address, codes in faults.items():
        if codes == usual:
            continue
        more, fewer = sorted(codes - usual), sorted(usual - codes)
        words = [f"shows {', '.join(more)}"] if more else []
        words += [f"does not show {', '.join(fewer)}"] if fewer else []
        what = f"unlike the other addresses, {address} {' and '.join(words)}"
        detail = {"address": address, "more": more, "fewer": fewer}
        found.append(Finding(symptom=ADDRESS_DIFFERS, what=what, where=(address,), detail=detail))
    return found
