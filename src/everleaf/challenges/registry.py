"""The kinds of solver, by the word that the configuration uses; each is imported when needed."""

from collections.abc import Callable, Sequence
from pathlib import Path

from everleaf.errors import OperatorError
from everleaf.ports import Solver


def _http_01(name: str, *, listen: Sequence[tuple[str, int]]) -> Solver:
    from everleaf.challenges.listener import HttpListener

    return HttpListener(name, listen)


def _webroot(name: str, *, path: Path) -> Solver:
    from everleaf.challenges.webroot import Webroot

    return Webroot(name, path)


KINDS: dict[str, Callable[..., Solver]] = {
    "http-01": _http_01,
    "webroot": _webroot,
}


def build(kind: str, name: str, **settings: object) -> Solver:
    """The solver `name` of this kind.

    Args:
        kind: `http-01` (settings: `listen`) or `webroot` (settings: `path`).

    Raises:
        OperatorError: there is no such kind.
    """
    maker = KINDS.get(kind)
    if maker is None:
        raise OperatorError(
            f"there is no kind of solver {kind!r}",
            code="no-such-solver",
            remedy=f"Choose one of {', '.join(sorted(KINDS))}",
        )
    return maker(name, **settings)
