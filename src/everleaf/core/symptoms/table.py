"""The table of all symptoms, in the order in which they are told."""

from everleaf.core.symptoms import Symptom, chain, clients, connection, http, local, names, status

ALL: tuple[Symptom, ...] = tuple(
    sorted(
        (
            one
            for module in (connection, names, chain, clients, status, http, local)
            for one in module.ROWS
        ),
        key=lambda one: (one.rank, one.code),
    )
)
