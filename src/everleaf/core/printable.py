"""Words of others, as they may be stored and shown."""

_LONGEST = 2000


def printable(text: str) -> str:
    """The same in one line, not endless; what steers a terminal, or is no character, is escaped."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(one: str) -> str:
    return one if one.isprintable() else one.encode("unicode_escape").decode("ascii")
