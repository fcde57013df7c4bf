"""The wire protocol of ACME: directory, nonces, signed requests, what is repeated and what never.

RFC 8555, section 6. `acme`'s own client is not used: it retries a bad nonce once and drops
statuses, headers and some problem documents.
"""

import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import TypeVar

from josepy.errors import DeserializationError
from josepy.json_util import decode_b64jose
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from everleaf.ca.answer import Answer, malformed
from everleaf.ca.directory import Directory, parse_directory
from everleaf.ca.jws import Signer
from everleaf.ca.problem import has_document, is_kind, no_nonce, refusal, unavailable
from everleaf.ca.wire import Again, LostError, Request, Wire
from everleaf.errors import AuthorityError
from everleaf.ports import Clock

JSON = "application/json"
PEM_CHAIN = "application/pem-certificate-chain"
_JOSE = "application/jose+json"

_NONCES_KEPT = 32
_BAD_NONCES = 120  # 90 % refusals all get through but one in 300,000
_AT_ONCE = 30  # of these without a pause; then up to a quarter of a second
_LOST_ANSWERS = 4
_SOON = 5.0  # seconds: a longer Retry-After is the caller's to wait for
_REDIRECTS = 5
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")

T = TypeVar("T")


class Effect(Enum):
    """What a request changes, and so what a lost answer and a 5xx mean.

    NONE: nothing, or the same when sent twice: it is sent again.
    CHANGE: something that can be looked at afterwards: no answer and 5xx leave it open.
    CREATE: something new: a 5xx in words is a refusal, since the caller may ask for it otherwise.
    """

    NONE = "none"
    CHANGE = "change"
    CREATE = "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One signed request.

    Attributes:
        payload: None is POST-as-GET (RFC 8555, section 6.3).
        doing: what it is for, as in "place an order".
    """

    url: str
    payload: Mapping[str, object] | None
    doing: str
    effect: Effect = Effect.NONE
    accept: str = JSON


class Session:
    """Speaks with one authority. Safe to use from several threads.

    `skew`: the authority's clock minus ours, by its last answer that had a `Date`.
    """

    def __init__(
        self,
        directory_url: str,
        *,
        clock: Clock,
        ca_file: Path | None = None,
        proxy: str | None = None,
    ) -> None:
        """Nothing is fetched yet."""
        self._url = directory_url
        self._clock = clock
        self._wire = Wire(clock, ca_file, proxy)
        self._nonces: deque[str] = deque(maxlen=_NONCES_KEPT)
        self._directory: Directory | None = None
        self.skew: timedelta | None = None
        self._mutex = Lock()

    def directory(self) -> Directory:
        """The directory, fetched once: RFC 8555, section 7.1.1.

        Raises:
            AuthorityError: it is not reachable, or no directory.
        """
        with self._mutex:
            if self._directory is None:
                self._directory = parse_directory(self.get(self._url, "name its resources"))
            return self._directory

    def get(self, url: str, doing: str) -> Answer:
        """An unauthenticated GET; redirects are followed, lost answers asked for again.

        Raises:
            AuthorityError: a refusal, with its problem document.
            UnreachableError: no answer, or 5xx.
        """
        return self._through_losses(lambda fresh: self._get(url, doing, fresh=fresh), Again.READS)

    def _get(self, url: str, doing: str, *, fresh: bool) -> Answer:
        for _ in range(_REDIRECTS):
            answer = self._wire.send(
                Request(method="GET", url=url, headers={"Accept": JSON}, fresh=fresh)
            )
            self._keep(answer)
            if not _redirects(answer):
                return self._checked(answer, doing, Effect.NONE)
            there = answer.location(doing)
            if url.startswith("https:") and not there.startswith("https:"):
                raise malformed(answer, doing, f"it leads away from https, to {there[:200]!r}")
            url = there
        raise AuthorityError(
            f"the authority redirects the request to {doing} for ever",
            code="authority-malformed",
            where=url,
        )

    def post(self, post: Post, signer: Signer) -> Answer:
        """A signed request. A bad nonce is answered with the next one, many times over.

        What has an effect goes over a fresh connection and is sent again only where it never
        left. For all else a lost answer is asked for again a few times, within seconds.

        Raises:
            AuthorityError: a refusal, with its problem document.
            UnreachableError: no answer, 5xx (see `Effect`), or bad nonces without end.
            EndOfTimeError: the deadline passed.
        """
        again = Again.READS if post.effect is Effect.NONE else Again.ALL
        retrying = self._retrying(
            _is_bad_nonce,
            pause=lambda count: min(0.01 * 1.2 ** (count - _AT_ONCE), 0.25) * (count >= _AT_ONCE),
            most=_BAD_NONCES,
        )

        def send(fresh: bool) -> Answer:
            return self._post(post, signer, fresh=fresh or post.effect is not Effect.NONE)

        try:
            return retrying(lambda: self._through_losses(send, again))
        except AuthorityError as error:
            if _is_bad_nonce(error):
                raise no_nonce(error, post.doing) from error
            raise

    def _post(self, post: Post, signer: Signer, *, fresh: bool) -> Answer:
        payload = b"" if post.payload is None else json.dumps(post.payload).encode("ascii")
        body = signer.sign(payload, nonce=self._nonce(), url=post.url)
        answer = self._wire.send(
            Request(
                method="POST",
                url=post.url,
                body=body,
                headers={"Content-Type": _JOSE, "Accept": post.accept},
                fresh=fresh,
            )
        )
        self._keep(answer)
        return self._checked(answer, post.doing, post.effect)

    def _checked(self, answer: Answer, doing: str, effect: Effect) -> Answer:
        now = self._clock.now()
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # Pebble says 500 for an unknown predecessor; 503 was not taken at all.
            plain = answer.status == HTTPStatus.SERVICE_UNAVAILABLE or has_document(answer)
            final = effect is Effect.CREATE and plain
            raise refusal(answer, doing, now) if final else unavailable(answer, doing, now)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal(answer, doing, now)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise malformed(answer, doing, f"HTTP {answer.status} in answer to a signed request")
        return answer

    def _nonce(self) -> bytes:
        url = self.directory().new_nonce  # whose own answer may bring one
        try:
            text = self._nonces.pop()  # the freshest: it is the last to be forgotten
        except IndexError:
            text = self._new_nonce(url)
        decoded: bytes = decode_b64jose(text)
        return decoded

    def _new_nonce(self, url: str) -> str:
        def fetch(fresh: bool) -> Answer:
            request = Request(method="HEAD", url=url, headers={}, fresh=fresh)
            return self._checked(self._wire.send(request), "give a nonce", Effect.NONE)

        answer = self._through_losses(fetch, Again.READS)
        nonce = answer.headers.get("replay-nonce", "")
        if not _is_base64url(nonce):
            raise malformed(answer, "give a nonce", f"the nonce is {nonce[:80]!r}")
        return nonce

    def _keep(self, answer: Answer) -> None:
        at = answer.date()
        if at is not None:
            # The header counts whole seconds.
            self.skew = at - self._clock.now().replace(microsecond=0)
        nonce = answer.headers.get("replay-nonce", "")
        if _is_base64url(nonce):
            self._nonces.append(nonce)

    def _through_losses(self, call: Callable[[bool], T], worth: Again) -> T:
        """Call again where no answer came and asking again does no harm.

        `call` is told whether to open a connection: a server may drop kept ones without a word,
        so that each further try is on a fresh one.
        """
        tries = itertools.count()

        def lost(error: BaseException) -> bool:
            if not isinstance(error, LostError) or error.again is Again.NONE:
                return False
            if worth is Again.ALL and error.again is not Again.ALL:
                return False
            wait = error.retry_at - self._clock.now() if error.retry_at else None
            return wait is None or wait.total_seconds() <= _SOON

        retrying = self._retrying(
            lost, pause=lambda count: 0.0 if count == 1 else 0.25 * 2**count, most=_LOST_ANSWERS
        )
        try:
            return retrying(lambda: call(next(tries) > 0))
        except LostError as error:
            # Tried enough: whoever asked for a nonce on the way does not multiply it.
            error.again = Again.NONE
            raise

    def _retrying(
        self, retry: Callable[[BaseException], bool], *, pause: Callable[[int], float], most: int
    ) -> Retrying:
        """Retries by the clock that was handed in, which ends them at the run's deadline too.

        After the last one its error is raised.
        """
        return Retrying(
            retry=retry_if_exception(retry),
            wait=lambda state: pause(state.attempt_number),
            stop=stop_after_attempt(most),
            sleep=self._clock.sleep,
            reraise=True,
        )


def _is_bad_nonce(error: BaseException) -> bool:
    return isinstance(error, AuthorityError) and is_kind(error, "badNonce")


def _redirects(answer: Answer) -> bool:
    moved = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
    return moved and "location" in answer.headers


def _is_base64url(text: str) -> bool:
    """RFC 8555, section 6.5.1: an invalid nonce is ignored."""
    try:
        return bool(_BASE64URL.fullmatch(text)) and bool(decode_b64jose(text))
    except DeserializationError:
        return False
