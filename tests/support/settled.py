"""Certificates on disk as earlier runs left them: issued, deployed, seen, and not due again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from everleaf.config.loading import load
from everleaf.config.settings import Settings
from everleaf.core.certificate import Version
from everleaf.core.standing import Observation, Sight, Standing, Taken
from everleaf.core.wanted import Wanted
from everleaf.core.window import Renewal
from everleaf.ports import Material
from everleaf.store.shelf import DiskShelf
from everleaf.store.sqlite import SqliteStore

DAY = timedelta(days=1)
VERSION = "20260301T120000Z-0123abcd"


def settle(config: Path, *, cert_id: str | None = "x.y") -> Settings:
    """Let every certificate of a configuration have been issued yesterday, for 90 days."""
    settings = load(config)
    shelf, store = DiskShelf(settings.state_dir), SqliteStore(settings.state_dir)
    now = datetime.now(UTC)
    for wanted in settings.certificates.values():
        version = _version(wanted, now - DAY, cert_id)
        shelf.install(wanted, version, Material(leaf=b"leaf\n", chain=b"chain\n", key=b"key\n"))
        shelf.switch(wanted, VERSION)
        _keep(store, _standing(wanted, now, cert_id))
    return settings


def _version(wanted: Wanted, then: datetime, cert_id: str | None) -> Version:
    return Version(
        id=VERSION,
        ask=wanted.ask,
        authority=wanted.authorities[0],
        account="https://ca.example.org/account/1",
        identifiers=wanted.identifiers,
        serial="0a",
        not_before=then,
        not_after=then + 90 * DAY,
        earliest_end=then + 90 * DAY,
        chain_sha256=("aa", "bb"),
        cert_id=cert_id,
        installed_at=then,
        key_type=wanted.key_type.value,
    )


def _keep(store: SqliteStore, standing: Standing) -> None:
    store.change(standing.name, lambda _: standing)


def _standing(wanted: Wanted, now: datetime, cert_id: str | None) -> Standing:
    return Standing(
        name=wanted.name,
        settled=VERSION,
        taken={one: Taken(version=VERSION, at=now, tried=VERSION) for one in wanted.terminators},
        observations=tuple(
            Observation(
                endpoint=str(one),
                address="192.0.2.1",
                sight=Sight.CONFIRMED,
                at=now,
                version=VERSION,
                serial="0a",
            )
            for one in wanted.endpoints
        ),
        renewal=Renewal(cert_id=cert_id, next_poll=now + DAY / 4) if cert_id else None,
    )
