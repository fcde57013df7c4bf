"""HSTS as one host sends it: what is wrong with it, where the roll-out stands, what comes next."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from everleaf.core import hsts, preloading
from everleaf.core.diagnosis import Finding
from everleaf.core.hsts import Malformed, Policy, Step
from everleaf.core.preloading import Demand, Judged, Met
from everleaf.core.symptoms import http
from everleaf.tls.http_exchange import Answer
from everleaf.tls.http_redirects import Hop, Trail, is_host, parts

HEADER = "strict-transport-security"
_ERROR = 400
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was answered at one address.

    Attributes:
        secure: over TLS, with at least one answer.
        plain: over plain HTTP; None: it was not asked.
        trusted: whether the certificate is good for the host.
        www: looks at the `www` below the host; None: nobody does.
    """

    host: str
    secure: Trail
    plain: Trail | None
    trusted: Judged
    www: Callable[[], Judged] | None


def findings(look: Look) -> tuple[tuple[Finding, ...], dict[str, object]]:
    """All that is worth knowing of its HSTS, and the same for programs."""
    answer = look.secure.hops[0].answer
    headers = answer.all(HEADER)
    read = hsts.parse(headers[0]) if headers else None
    policy = read if isinstance(read, Policy) else None
    demands = preloading.demands(look.host, policy, _looks(look))
    found = [*_of_header(answer, read), *_of_plain(look.plain), *_of_steps(policy, demands)]
    coming = hsts.following(policy)
    return tuple(found), {
        "hsts": {
            "headers": list(headers),
            "malformed": list(read.why) if isinstance(read, Malformed) else [],
            "max_age": policy.max_age if policy else None,
            "age": hsts.age(policy.max_age) if policy else None,
            "include_subdomains": bool(policy and policy.include_subdomains),
            "preload": bool(policy and policy.preload),
            "step": hsts.step(policy),
            "next": str(coming) if coming else None,
        },
        "preload": _as_rows(demands),
    }


def _of_header(answer: Answer, read: Policy | Malformed | None) -> Iterator[Finding]:
    headers = answer.all(HEADER)
    detail = {"headers": [one[:_SHOWN] for one in headers]}
    if read is None:
        also = f" (the answer is {answer.line})" if answer.status >= _ERROR else ""
        yield Finding(symptom=http.HSTS_ABSENT, what=f"the server sends no HSTS header{also}")
    elif isinstance(read, Malformed):
        why = "; ".join(read.why)
        what = f"browsers ignore the HSTS header {headers[0][:_SHOWN]!r}: {why}"
        yield Finding(symptom=http.HSTS_MALFORMED, what=what, detail=detail)
    elif not read.max_age:
        what = "the HSTS header has a max-age of 0, which ends HSTS"
        yield Finding(symptom=http.HSTS_OFF, what=what, detail=detail)
    if len(headers) > 1:
        same = "the same" if len(set(headers)) == 1 else "not the same"
        what = f"the HSTS header is sent {len(headers)} times, {same}, and only the first counts"
        yield Finding(symptom=http.HSTS_DOUBLED, what=what, detail=detail)


def _of_plain(plain: Trail | None) -> Iterator[Finding]:
    for hop in plain.hops if plain else ():
        if headers := hop.answer.all(HEADER):
            what = f"the HSTS header is sent over plain HTTP too, at {hop.url}"
            detail = {"headers": [one[:_SHOWN] for one in headers]}
            yield Finding(symptom=http.HSTS_ON_PLAIN_HTTP, what=what, detail=detail)
            return


def _of_steps(policy: Policy | None, demands: tuple[Demand, ...]) -> Iterator[Finding]:
    now, coming = hsts.step(policy), hsts.following(policy)
    if policy is None or now is Step.NONE:
        return
    after = f"the next one is `{coming}`" if coming else "there is no further one"
    yield Finding(
        symptom=http.HSTS_STEP,
        what=f"HSTS is held for {hsts.age(policy.max_age)} (step: {hsts.WORDS[now]}); {after}",
        detail={"step": now, "next": str(coming) if coming else None},
    )
    if any(one.met is not Met.YES for one in demands):
        yield Finding(
            symptom=http.HSTS_PRELOAD,
            what=f"of the {len(demands)} demands for preloading, {_told(demands)}",
            detail={"demands": _as_rows(demands)},
        )


def _told(demands: tuple[Demand, ...]) -> str:
    words = []
    for met, said in ((Met.YES, "met"), (Met.NO, "not met"), (Met.UNKNOWN, "not known")):
        if those := [_named(one) for one in demands if one.met is met]:
            words.append(f"{said}: {', '.join(those)}")
    return "; ".join(words)


def _named(demand: Demand) -> str:
    return demand.what if demand.met is Met.YES else f"{demand.what} ({demand.judged.why})"


def _as_rows(demands: tuple[Demand, ...]) -> list[dict[str, str]]:
    return [
        {"demand": one.code, "what": one.what, "met": one.met, "why": one.judged.why}
        for one in demands
    ]


def _looks(look: Look) -> preloading.Looks:
    return preloading.Looks(
        certificate=look.trusted,
        redirect=_redirect(look.host, look.plain),
        www=_www(look),
        further=_further(look.secure),
    )


def _redirect(host: str, plain: Trail | None) -> Judged:
    """RFC 6797, section 7.2; the list wants the same host first, before `www` or another."""
    if plain is None:
        return Judged(Met.UNKNOWN, "plain HTTP was not looked at")
    last = plain.last
    if last is None:
        if plain.refused:
            return Judged(Met.YES, "nothing listens for plain HTTP, so that none is needed")
        return Judged(Met.UNKNOWN, f"plain HTTP gave no answer: {plain.silence}")
    to = parts(last.to)
    if to is None:
        return Judged(Met.NO, f"{last.url} answers {last.answer.line} and does not redirect")
    if to.scheme == "https" and is_host(host, to) and to.port in {None, 443}:
        return Judged(Met.YES, f"{last.url} redirects to {last.to}")
    return Judged(Met.NO, f"{last.url} redirects to {last.to} first")


def _www(look: Look) -> Judged:
    if look.host.lower().startswith("www."):
        return Judged(Met.UNKNOWN, f"{look.host} is a www subdomain itself")
    if look.www is None:
        return Judged(Met.UNKNOWN, f"www.{look.host} was not looked at")
    return look.www()


def _further(secure: Trail) -> Judged:
    redirects = [hop for hop in secure.hops if hop.to]
    if not redirects:
        return Judged(Met.YES, "there is no further redirect")
    for hop in redirects:
        if not _has_policy(hop):
            return Judged(Met.NO, f"the redirect from {hop.url} to {hop.to} has no valid header")
    return Judged(Met.YES, f"the redirect to {redirects[-1].to} has it")


def _has_policy(hop: Hop) -> bool:
    headers = hop.answer.all(HEADER)
    return bool(headers) and isinstance(hsts.parse(headers[0]), Policy)
