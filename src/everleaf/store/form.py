"""The version of the state directory's layout: an older one is brought forward, a newer refused."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from everleaf.errors import EverleafError, MachineError, OperatorError
from everleaf.store.layout import PUBLIC, Layout
from everleaf.system import files

Step = Callable[[Path], None]
# What leads from each version of the layout to the next; done again where it was cut short.
STEPS: tuple[Step, ...] = ()


def version(root: Path) -> int:
    """Of the layout of this state directory; one that does not say it is of the first.

    Raises:
        MachineError: what stands there is no version.
    """
    path = Layout(root).form
    if not files.is_there(path):
        return 1
    with files.told(path):
        text = path.read_bytes()
    try:
        return int(text)
    except ValueError as error:
        raise MachineError(
            "this is not what everleaf wrote",
            code="damaged-state",
            where=str(path),
            remedy="Restore it from a backup",
        ) from error


def refuse_newer(root: Path, steps: Sequence[Step] = STEPS) -> None:
    """Leave alone what a newer everleaf wrote, whatever else is lost.

    Raises:
        OperatorError: its layout is newer than ours.
    """
    known, found = 1 + len(steps), version(root)
    if found > known:
        raise OperatorError(
            f"the state directory was written by a newer everleaf (layout {found}, this one: "
            f"{known})",
            code="newer-state",
            where=str(root),
            remedy="Run that everleaf again, or restore the state of this one",
        )


def bring_forward(root: Path, steps: Sequence[Step] = STEPS) -> None:
    """Make it a directory of our layout, and let it say so; under the lock.

    Raises:
        OperatorError: it is newer, or not permitted.
        MachineError: the disk is full or broken.
    """
    refuse_newer(root, steps)
    path = Layout(root).form
    for number, step in enumerate(steps[version(root) - 1 :], version(root) + 1):
        step(root)
        files.write(path, f"{number}\n".encode(), PUBLIC)
    if not files.is_there(path):
        # Without it, it is of the first version all the same.
        with suppress(EverleafError):
            files.write(path, b"1\n", PUBLIC)
