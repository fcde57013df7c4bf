"""Our account at an authority in memory, as far as a run looks at it."""

from dataclasses import dataclass

from everleaf.ports import AccountFacts


@dataclass(slots=True)
class MemoryAccounts:
    """The port `Accounts`. `terms`: the URL of terms that were not agreed to."""

    terms: str = ""
    status: str = "valid"
    key: int = 1

    def facts(self) -> AccountFacts:
        return AccountFacts(
            url="memory:account", status=self.status, contact=(), thumbprint=f"key {self.key}",
            terms=self.terms,
        )  # fmt: skip

    def update(self) -> AccountFacts:
        self.terms = ""
        return self.facts()

    def roll_over(self) -> AccountFacts:
        self.key += 1
        return self.facts()

    def deactivate(self) -> None:
        self.status = "deactivated"

    def new_terms(self) -> str:
        return self.terms
