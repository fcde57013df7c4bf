"""One address, looked at from every side: one fault never hides another."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from everleaf.core.diagnosis import Finding, Question
from everleaf.core.symptoms import clients as client_rows
from everleaf.core.wanted import Usage
from everleaf.tls.diagnosing import clients, expected, failed, versions, virtual
from everleaf.tls.diagnosing.lines import Lines
from everleaf.tls.diagnosing.seen import Seen, chain_facts, shake_facts
from everleaf.tls.handshake import KINDS, ClientPairError, Shake


class Examination:
    """One address of a question."""

    def __init__(self, question: Question, address: str, now: datetime) -> None:
        self._question = question
        self._now = now
        self._lines = Lines(question, address)
        self._found: list[Finding] = []
        self._facts: dict[str, object] = {}

    def seen(self) -> Seen:
        """Look."""
        main = self._main()
        chains: list[tuple[bytes, ...]] = []
        if main.chain:
            chains = self._certificates(main)
            self._found += expected.findings(chains, self._question.expected)
            self._further(main)
        return Seen(
            address=self._lines.address,
            main=main,
            chains=tuple(chains),
            findings=tuple(self._found),
            facts={**shake_facts(main), **self._facts},
        )

    def _main(self) -> Shake:
        lines = self._lines
        try:
            main = lines.shake()
        except ClientPairError as error:
            self._found.append(Finding(symptom=client_rows.CLIENT_UNREADABLE, what=str(error)))
            lines.client = None
            main = lines.shake()
        if main.ended_well or main.chain:
            if not (main.ended_well or main.asked):
                self._found.append(failed.finding(main.code, main.words))
            return main
        why = failed.explained(lines, self._question.port, main)
        self._found.append(why.finding)
        return why.further or main

    def _certificates(self, main: Shake) -> list[tuple[bytes, ...]]:
        """Judge what is sent, of either kind of key; the chains."""
        question, lines = self._question, self._lines
        judged = self._judged(main.chain)
        bare = lines.shake(named=False) if lines.server_name is not None else None
        self._found += virtual.wrong_host(question.name, main, bare, judged)
        self._facts["without_server_name"] = chain_facts(bare.chain[:1]) if bare else None
        other = self._other_kind(main)
        if not other:
            self._found += judged
            return [main.chain]
        self._facts["other_chain"] = chain_facts(other)
        theirs = self._judged(other)
        common = {(one.code, one.what) for one in judged} & {(one.code, one.what) for one in theirs}
        for chain, found in ((main.chain, judged), (other, theirs)):
            kind = _kind(chain[0])
            self._found += [
                one if (one.code, one.what) in common
                else replace(one, what=f"of its {kind} certificate, {one.what}")
                for one in found
            ]  # fmt: skip
        return [main.chain, other]

    def _judged(self, chain: Sequence[bytes]) -> tuple[Finding, ...]:
        from everleaf.pki.judging import judge

        question = self._question
        return judge(chain, question.name, question.stores, self._now, usage=Usage.SERVER)

    def _other_kind(self, main: Shake) -> tuple[bytes, ...]:
        """The chain with the other kind of key; empty: the server has none."""
        kind = KINDS["rsa" if _kind(main.chain[0]) != "RSA" else "ecdsa"]
        found = self._lines.shake(ciphers=kind.ciphers, sigalgs=kind.sigalgs).chain
        return () if found[:1] == main.chain[:1] else found

    def _further(self, main: Shake) -> None:
        """What is no matter of certificates."""
        question, lines = self._question, self._lines
        spoken = (main.version,) if question.brief else versions.spoken(lines, main)
        self._facts["versions"] = list(spoken)
        self._found += versions.findings(spoken)
        self._found += clients.findings(lines, main, (), self._now)


def _kind(leaf: bytes) -> str:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = x509.load_der_x509_certificate(leaf).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unreadable"
    return "RSA" if isinstance(key, RSAPublicKey) else "ECDSA"
