"""Foreign words: without secrets of ours in them, and as concerns before an order."""

from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from everleaf.core.identifiers import Identifier
from everleaf.errors import Fault
from everleaf.ports import Concern


def without(text: str, secrets: Iterable[str]) -> str:
    """The text, with `***` for every secret, also as it stands in a URL."""
    found = {form for one in secrets for form in (one, quote(one, safe=""), quote_plus(one))}
    for form in sorted(found - {""}, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def concern(identifier: Identifier, fault: Fault) -> Concern:
    """A fault that stands in the way of an identifier's validation."""
    where = f" ({fault.where})" if fault.where else ""
    words = f": {' | '.join(fault.words)}" if fault.words else ""
    what = f"{fault.what}{where}{words}"
    return Concern(identifier=str(identifier), code=fault.code, what=what, remedy=fault.remedy)
