"""One call of dns-lexicon, in a process of its own: asked by JSON on standard input.

What goes wrong is said on standard error, in the provider's words; secrets are taken out of them by
the caller.
"""

import importlib
import json
import sys
from collections.abc import Mapping
from typing import Any

CREATE, DELETE, LOOK = "create the TXT record", "delete the TXT record", "let us into the zone"
MISSING = 3  # exit status
_MOST = 600  # characters of a provider's answer


def main() -> int:
    """Do what is asked."""
    asked = json.load(sys.stdin)
    try:
        client = importlib.import_module("lexicon.client")
        config = importlib.import_module("lexicon.config")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "lexicon":
            return MISSING
        raise
    try:
        _do(asked, client, config)
    except Exception as error:  # noqa: BLE001 - each provider has errors of its own
        print(_words(error), file=sys.stderr)  # noqa: T201 - to the process that called
        return 1
    return 0


def _do(asked: Mapping[str, Any], client: Any, config: Any) -> None:
    import dns.name
    import dns.resolver

    zone = dns.name.from_text(asked["zone"])
    # Asked to, dns-lexicon looks the zone up instead of guessing it by a list from the network;
    # here it is known.
    dns.resolver.zone_for_name = lambda *_args, **_options: zone
    settings = {
        "provider_name": asked["provider"],
        "domain": asked["zone"],
        "resolve_zone_name": True,
        asked["provider"]: asked["options"],
    }
    if asked["ttl"] is not None:
        settings["ttl"] = asked["ttl"]
    with client.Client(config.ConfigResolver().with_dict(settings)) as operations:
        if asked["action"] == CREATE:
            done = operations.create_record("TXT", asked["owner"], asked["value"])
        elif asked["action"] == DELETE:
            done = operations.delete_record(None, "TXT", asked["owner"], asked["value"])
        else:
            return
    if not done:
        raise RuntimeError("the provider did not do it, and said no more")


def _words(error: Exception) -> str:
    said = str(error) or type(error).__name__
    response = getattr(error, "response", None)
    text = str(getattr(response, "text", "") or "").strip()
    return f"{said}\n{text[:_MOST]}" if text else said


if __name__ == "__main__":
    sys.exit(main())
