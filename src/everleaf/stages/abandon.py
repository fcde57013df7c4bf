"""Giving an order up: responses taken down, authorizations deactivated, an issued chain kept."""

from hashlib import sha256

from everleaf.core.job import Job, Pending
from everleaf.errors import EverleafError
from everleaf.ports import Authority, Status
from everleaf.stages.contract import Tools


def abandon(job: Job, pending: Pending, tools: Tools) -> None:
    """Give `pending` up, for good. What the authority says to it changes nothing."""
    take_down(job.name, pending, tools)
    if pending.order_url is not None and not pending.downloaded:
        try:
            _at_authority(job, pending.order_url, tools.authority(pending.authority), tools)
        except EverleafError as error:
            tools.events.say(
                "info", "order could not be given up at the authority",
                certificate=job.name, stage="order", words=str(error.fault),
            )  # fmt: skip
    tools.shelf.give_up(job.name)


def take_down(name: str, pending: Pending, tools: Tools) -> None:
    """Take down what a run that was killed had presented."""
    for trace in pending.traces:
        try:
            tools.solver(trace.solver).remove(trace)
        except EverleafError as error:
            tools.events.say(
                "warning", "response could not be taken down",
                certificate=name, stage="validate", place=trace.place, words=str(error.fault),
            )  # fmt: skip


def _at_authority(job: Job, url: str, authority: Authority, tools: Tools) -> None:
    order = authority.order(url)
    if order.status is Status.VALID and order.certificate:
        chain = authority.certificate(order.certificate)
        why = "issued for a configuration that has changed since"
        rejected_id = sha256(chain).hexdigest()[:12]
        tools.shelf.keep_rejected(job.name, rejected_id, chain, why)
    else:
        _deactivate(authority, order.authorizations, tools, job.name)


def _deactivate(
    authority: Authority, authorizations: tuple[str, ...], tools: Tools, name: str
) -> None:
    """Deactivate what is pending (RFC 8555, section 7.5.2); a refusal is only logged."""
    for url in authorizations:
        try:
            if authority.authorization(url).status is Status.PENDING:
                authority.deactivate(url)
        except EverleafError as error:
            tools.events.say(
                "info", "authorization could not be deactivated",
                certificate=name, stage="validate", words=str(error.fault),
            )  # fmt: skip
