"""The table of what follows what: the only place where a certificate's way is decided."""

from enum import StrEnum

from everleaf.core.outcome import Back, Done, Due, Failed, Held, Idle, Look, Outcome, Waiting


class Stage(StrEnum):
    """The stages by their names."""

    ORDER = "order"
    VALIDATE = "validate"
    VERIFY = "verify"
    INSTALL = "install"
    RELOAD = "reload"
    CONFIRM = "confirm"


class Step(StrEnum):
    """What a look or an outcome comes to."""

    ON = "on"
    OFF = "off"
    BACK = "back"


class End(StrEnum):
    """The way's end, for this run."""

    STOP = "stop"


Next = Stage | End

TABLE: dict[Stage, dict[Step, Next]] = {
    # Whatever stands in the way of a new certificate, the live one is still looked after.
    Stage.ORDER: {Step.ON: Stage.VALIDATE, Step.OFF: Stage.RELOAD},
    # An order that is void at the authority is placed anew, with the same key.
    Stage.VALIDATE: {Step.ON: Stage.VERIFY, Step.OFF: Stage.RELOAD, Step.BACK: Stage.ORDER},
    Stage.VERIFY: {Step.ON: Stage.INSTALL, Step.OFF: Stage.RELOAD},
    Stage.INSTALL: {Step.ON: Stage.RELOAD, Step.OFF: Stage.RELOAD},
    # One terminator that fails does not hide what the edges of the others serve.
    Stage.RELOAD: {Step.ON: Stage.CONFIRM, Step.OFF: Stage.CONFIRM},
    Stage.CONFIRM: {Step.ON: End.STOP, Step.OFF: End.STOP},
}


def step(seen: Look | Outcome) -> Step:
    """Whether the next stage may begin on what this one left.

    Raises:
        ValueError: a look that is due is followed by an act, not by a stage.
    """
    match seen:
        case Idle() | Done():
            return Step.ON
        case Held() | Waiting() | Failed():
            return Step.OFF
        case Back():
            return Step.BACK
        case Due():
            raise ValueError(seen)


def follows(stage: Stage, seen: Look | Outcome) -> Next:
    """What comes after `stage`."""
    return TABLE[stage][step(seen)]


def picture() -> str:
    """The table as a Graphviz digraph, for the documentation."""
    lines = [
        f'  {stage} -> {target} [label="{way}"];'
        for stage, ways in TABLE.items()
        for way, target in ways.items()
    ]
    return "\n".join(["digraph everleaf {", *lines, "}"])
