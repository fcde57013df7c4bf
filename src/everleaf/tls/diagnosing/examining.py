"""One address, looked at from every side: one fault never hides another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from everleaf.core.diagnosis import Finding, Question, Store
from everleaf.core.preloading import Judged
from everleaf.core.symptoms.clients import CLIENT_UNREADABLE
from everleaf.tls import revocation
from everleaf.tls.diagnosing import clients, clock, expected, failed, versions, virtual, web
from everleaf.tls.diagnosing.beside import Beside, beside, kind_of
from everleaf.tls.diagnosing.lines import Lines
from everleaf.tls.diagnosing.seen import Seen, chain_facts, shake_facts
from everleaf.tls.handshake import ClientPairError, Shake
from everleaf.tls.lists import Lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the addresses of one question share.

    Attributes:
        now: our clock.
        lists: revocation lists; None: none is fetched.
        www: whether the `www` below the host speaks HTTPS.
    """

    question: Question
    now: datetime
    lists: Lists | None
    www: Callable[[], Judged] = field(repr=False)


class Examination:
    """One address of a question."""

    def __init__(self, around: Around, address: str) -> None:
        self._around = around
        self._question = around.question
        self._now = around.now
        self._lines = Lines(around.question, address)
        self._found: list[Finding] = []
        self._facts: dict[str, object] = {}

    def seen(self) -> Seen:
        """Look."""
        main = self._main()
        shakes: list[Shake] = []
        if main.chain:
            more = beside(self._lines, main, brief=self._question.brief)
            shakes = virtual.of_the_host(self._lines, self._question.name, main, more)
            judged = self._certificates(shakes)
            self._found += expected.findings([one.chain for one in shakes], self._question.expected)
            self._further(main, more, judged)
        elif main.ended_well:
            self._found += self._judged(main)
        return Seen(
            address=self._lines.address,
            main=main,
            chains=tuple(one.chain for one in shakes),
            findings=tuple(self._found),
            facts={**shake_facts(main), **self._facts},
        )

    def _main(self) -> Shake:
        lines = self._lines
        try:
            main = lines.shake()
        except ClientPairError as error:
            self._found.append(Finding(symptom=CLIENT_UNREADABLE, what=str(error)))
            lines.client = None
            main = lines.shake()
        if main.ended_well or main.chain:
            if not (main.ended_well or main.asked):
                self._found.append(failed.finding(main.code, main.words))
            return main
        why = failed.explained(lines, self._question.port, main)
        self._found += [*why.more, why.finding]
        return why.further or main

    def _certificates(self, shakes: Sequence[Shake]) -> tuple[Finding, ...]:
        """Judge what is sent, of either kind of key; what speaks against the first."""
        judged = [self._judged(one) for one in shakes]
        common = set.intersection(*({(one.code, one.what) for one in found} for found in judged))
        for shake, found in zip(shakes, judged, strict=True):
            kind = kind_of(shake.chain[0])
            for one in found:
                own = len(shakes) > 1 and (one.code, one.what) not in common
                what = f"of its {kind} certificate, {one.what}" if own else one.what
                self._found.append(replace(one, what=what))
        self._facts["other_chain"] = [
            one for shake in shakes[1:] for one in chain_facts(shake.chain)
        ]
        return judged[0]

    def _judged(self, shake: Shake) -> tuple[Finding, ...]:
        """What speaks against a chain, revocation included."""
        from everleaf.pki.judging import judge

        question, around = self._question, self._around
        found = judge(shake.chain, question.name, question.stores, self._now)
        more, facts = revocation.findings(
            shake.chain,
            shake.staple,
            now=self._now,
            others=_anchors(shake.chain, question.stores),
            lists=around.lists,
            again=lambda: self._lines.shake_of_kind(kind_of(shake.chain[0])).staple,
        )
        self._facts = {**facts, **self._facts}
        return (*found, *more)

    def _further(self, main: Shake, more: Beside, judged: Sequence[Finding]) -> None:
        """What is no matter of certificates, or needs what was found of them."""
        question, lines = self._question, self._lines
        self._facts["without_server_name"] = chain_facts(more.bare.chain[:1]) if more.bare else None
        self._facts["versions"] = list(more.versions)
        self._found += virtual.wrong_host(question.name, main, more.bare, judged)
        self._found += versions.findings(more.versions)
        said = self._said(main, judged) if main.ended_well else ()
        self._found += clients.named(said, main)
        self._found += clients.findings(lines, main, said, self._now)
        self._found += self._of_clocks(main, judged)

    def _said(self, main: Shake, judged: Sequence[Finding]) -> tuple[Finding, ...]:
        """In HTTP."""
        question, lines = self._question, self._lines
        if question.brief:
            return web.refusal(lines, question) if main.asked else ()
        faults = [one for one in judged if one.is_fault]
        found, facts = web.findings(
            lines, question, main, faults, now=self._now, www=self._around.www
        )
        self._facts |= facts
        return found

    def _of_clocks(self, main: Shake, judged: Sequence[Finding]) -> list[Finding]:
        question = self._question
        server = clock.server_clock(self._facts)
        if question.brief and clock.is_of_dates(judged) and main.ended_well:
            server = web.clock(self._lines, question)
        return list(
            clock.findings(
                main.chain,
                main.staple,
                judged,
                self._now,
                server=server,
                timeout=question.timeout,
                asking=not question.brief,
            )
        )


def _anchors(chain: Sequence[bytes], stores: Sequence[Store]) -> list[bytes]:
    """The roots that signed any of the certificates, DER: they are not sent."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from everleaf.pki.certificates import read
    from everleaf.pki.judging.roots import roots

    sent, _ = read(chain)
    found = [root for store in stores for one in sent for root in roots(store).above(one)]
    return [one.public_bytes(Encoding.DER) for one in dict.fromkeys(found)]
