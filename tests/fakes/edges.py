"""Terminators and what they serve, in one world: hooks and probes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from everleaf.pki.keys import kind_of
from everleaf.ports import Ask, Changed, HookResult, Seen

Chain = tuple[bytes, ...]


@dataclass(slots=True)
class Edges:
    """The ports `Terminators` and `Probe`; an endpoint's address is its terminator's name.

    Attributes:
        live: the chain, DER, that stands on disk for a certificate now.
        calls: verb, terminator and certificates of every hook call.
        refuses: says why a terminator's test fails with what is live now, or nothing.
        deaf: terminators whose reload says that it worked, and changes nothing.
        broken: terminators whose reload fails, with its words.
        down: terminators that nobody reaches.
        unrouted: terminators to which we have no way.
        strict: terminators that take no client's certificate.
        served: chains by terminator and certificate.
        first: those with another kind of key, shown to whoever takes any.
        hooks: changes the digest of every hook.
        without_check: terminators whose hook has no test.
        after_reload: what happens once a terminator, which it is told, has taken what it was given.
        says: what is seen in place of what is served; None: that.
    """

    live: Callable[[str], Chain]
    calls: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    refuses: Callable[[str], str] = lambda _: ""
    deaf: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    unrouted: set[str] = field(default_factory=set)
    strict: set[str] = field(default_factory=set)
    served: dict[tuple[str, str], Chain] = field(default_factory=dict)
    first: dict[tuple[str, str], Chain] = field(default_factory=dict)
    hooks: str = "1"
    without_check: set[str] = field(default_factory=set)
    after_reload: Callable[[str], None] = lambda _: None
    says: Callable[[Ask], Seen | None] = lambda _: None
    looks: int = 0

    def digest(self, terminator: str) -> str:
        return f"{terminator}-{self.hooks}"

    def check(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self._called("check", terminator, changed)
        if terminator in self.without_check:
            return HookResult(ok=False, not_mine=True)
        words = self.refuses(terminator)
        return HookResult(ok=not words, words=(words,) if words else ())

    def reload(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self._called("reload", terminator, changed)
        if terminator in self.broken:
            return HookResult(ok=False, words=(self.broken[terminator],))
        if terminator not in self.deaf:
            for one in changed:
                self.served[terminator, one.certificate] = self.live(one.certificate)
        self.after_reload(terminator)
        return HookResult(ok=True)

    def _called(self, verb: str, terminator: str, changed: Sequence[Changed]) -> None:
        self.calls.append((verb, terminator, tuple(one.certificate for one in changed)))

    def look(self, ask: Ask, timeout: float) -> Seen:
        del timeout
        address, server_name, present = ask.address, ask.server_name, ask.present
        self.looks += 1
        instead = self.says(ask)
        if instead is not None:
            return instead
        if address in self.down:
            return Seen(words="connection refused: nothing listens there")
        if address in self.unrouted:
            return Seen(words="no route to it", no_route=True)
        place = (address, server_name.partition(".")[0])
        chain = self.served.get(place)
        if not ask.key_kind:
            chain = self.first.get(place, chain)
        elif chain and kind_of(chain[0]) != ask.key_kind:
            return Seen(words="the server refused the handshake before it began")
        if present is not None:
            taken = Path(present).name == "live" and address not in self.strict
            return Seen(chain=chain or (), words="" if taken else "unknown CA", taken=taken)
        return Seen(chain=chain) if chain else Seen(words="it sends no certificate")

    def count(self, verb: str) -> int:
        return sum(call[0] == verb for call in self.calls)
