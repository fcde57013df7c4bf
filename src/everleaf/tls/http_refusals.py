"""A request that is refused because of the client's certificate, after the handshake."""

from http.client import RemoteDisconnected

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import clients
from everleaf.tls.http_exchange import Answer, Connect, NotHttpError, Site, request

# nginx takes the handshake, and says 400 in HTTP; 495 and 496 are its own statuses for it.
_STATUSES = (400, 403, 495, 496)
_TO_ONE_PRESENTED = (401, *_STATUSES)  # without one, 401 asks for a password and no more


def refusal(connect: Connect, site: Site, timeout: float) -> str:
    """Ask once; why the server refuses, in words; empty: it does not, or says nothing in HTTP.

    Args:
        connect: opens the connection on which the certificate is presented.
        site: who is asked.
        timeout: seconds for the answer.

    Raises:
        OSError: the connection failed, or no answer came in time.
    """
    try:
        answer = request(connect, site, timeout=timeout)
    except (NotHttpError, RemoteDisconnected):
        return ""
    if answer.status not in _TO_ONE_PRESENTED:
        return ""
    return f"the server refuses the request after the handshake: {answer.line}"


def findings(answer: Answer, *, presented: bool) -> tuple[Finding, ...]:
    """What an answer says of the client's certificate, for which the server had asked.

    Args:
        answer: to any request on a connection whose handshake asked for a certificate.
        presented: whether one was.
    """
    if answer.status not in (_TO_ONE_PRESENTED if presented else _STATUSES):
        return ()
    which = "the certificate that was presented" if presented else "a client without a certificate"
    return (
        Finding(
            symptom=clients.CLIENT_REFUSED_IN_HTTP,
            what=f"the handshake asks for a client certificate and takes {which}, then "
            f"the request is refused with {answer.line}",
            detail={"status": answer.status, "reason": answer.reason, "presented": presented},
        ),
    )
