"""Which proxy carries requests to an authority, and connections through it."""

import base64
import ssl
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import LocationValueError, ProxySchemeUnknown
from urllib3.util import Url, parse_url

from everleaf.errors import OperatorError


def choose(target: Url, configured: str | None) -> str:
    """The proxy for a URL; empty: none.

    Args:
        configured: for this authority; empty: none; None: the environment's.
    """
    if configured is None:
        named = getproxies().get(target.scheme or "", "")
        if not named or proxy_bypass((target.host or "").strip("[]")):
            return ""
    else:
        named = configured
    return named if not named or "://" in named else f"http://{named}"


def connections(
    proxy: str, trust: ssl.SSLContext, *, kept: int, configured: bool
) -> urllib3.PoolManager:
    """Connections by way of a proxy (empty: straight), of which so many are kept.

    Its credentials go into one header field, and nowhere else.

    Raises:
        OperatorError: the proxy's URL is of no use.
    """
    if not proxy:
        return urllib3.PoolManager(maxsize=kept, ssl_context=trust)
    try:
        parts = parse_url(proxy)
        bare = parts._replace(auth=None).url if parts.host else ""
        return urllib3.ProxyManager(
            bare, maxsize=kept, ssl_context=trust, proxy_headers=_authorization(parts.auth)
        )
    except (ProxySchemeUnknown, LocationValueError):
        raise _no_use(configured=configured) from None


def _authorization(credentials: str | None) -> dict[str, str] | None:
    if not credentials:
        return None
    text = base64.b64encode(unquote(credentials).encode()).decode("ascii")
    return {"proxy-authorization": f"Basic {text}"}


def _no_use(*, configured: bool) -> OperatorError:
    # Its text is not repeated: it may hold a password.
    place = "of the authority" if configured else "in the environment"
    return OperatorError(
        f"the proxy {place} is neither http nor https",
        code="bad-proxy",
        remedy="Correct the authority's `proxy`, as in http://proxy.example.org:3128"
        if configured
        else "Correct HTTPS_PROXY",
    )
