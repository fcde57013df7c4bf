"""`everleaf diagnose --local`: the servers of this machine, seen from their own side."""

from collections.abc import Iterator

from everleaf.config.settings import Settings
from everleaf.core.diagnosis import Diagnosis
from everleaf.errors import EverleafError
from everleaf.local.looking import Looker
from everleaf.local.ours import Installed
from everleaf.store.layout import Layout
from everleaf.store.shelf import DiskShelf
from everleaf.system.clock import SystemClock
from everleaf.system.trust import stores


def diagnoses(settings: Settings | None, below: int | None = None) -> tuple[Diagnosis, ...]:
    """One of each running nginx, haproxy and Apache; nothing is changed.

    Args:
        settings: with which everleaf runs here; None: nothing is compared with its versions.
        below: only this process and its descendants; None: all of the machine.

    Raises:
        OperatorError: there are no trusted roots to judge chains by.
    """
    installed = _installed(settings) if settings else None
    return Looker(installed=installed, stores=stores(), now=SystemClock().now()).look(below)


def _installed(settings: Settings) -> tuple[Installed, ...] | None:
    """What the state directory holds; None: it may not be read, and nobody can tell."""
    try:
        return tuple(_certificates(settings))
    except EverleafError:
        return None


def _certificates(settings: Settings) -> Iterator[Installed]:
    layout, shelf = Layout(settings.state_dir.absolute()), DiskShelf(settings.state_dir)
    for name, wanted in settings.certificates.items():
        holding = shelf.holding(wanted)
        yield Installed(
            name=name,
            folder=str(layout.certificate(name)),
            versions={one.chain_sha256[0]: one.id for one in holding.versions},
            live=holding.live,
            copies=tuple(str(one.path) for one in wanted.copies),
            names=frozenset(str(one.value) for one in wanted.identifiers),
        )
