"""Which of several new pairs makes a test fail: found by halving."""

from collections.abc import Callable, Sequence


def guilty(suspects: Sequence[str], passes: Callable[[frozenset[str]], bool]) -> frozenset[str]:
    """The suspects that must stay back for the test to pass.

    Args:
        suspects: names; with none of them forward the test is known to pass, with all it failed.
        passes: whether the test passes with just these forward.

    All of them forward are tested once more first: a test may fail once by chance, and nobody is
    to blame for that. A pair is blamed alone where it fails alone. Pairs that fail only together
    are blamed from the later one on, so that the answer always passes: about 2 log2(n) tests for
    one of n.
    """
    forward: frozenset[str] = frozenset()
    blamed: frozenset[str] = frozenset()
    stack = [tuple(suspects)]
    while stack:
        group = stack.pop()
        if not group:
            continue
        if passes(forward | frozenset(group)):
            forward |= frozenset(group)
        elif len(group) == 1:
            blamed |= frozenset(group)
        else:
            half = len(group) // 2
            stack += [group[half:], group[:half]]
    return blamed
