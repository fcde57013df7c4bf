"""How an endpoint is reached, and whom a server there takes us for."""

from collections.abc import Mapping
from pathlib import Path

from everleaf.config import schema, vantages
from everleaf.config.faults import BadValueError, Key, meant, shown
from everleaf.config.places import absolute, content
from everleaf.config.report import Report
from everleaf.core.approach import DIRECT, Approach, Pair, StartTls, Via

_ONE = "remove one of the two"
_FILES = ("client_certificate", "client_key")


def approach(
    table: schema.EndpointTable, key: Key, known: Mapping[str, Via], report: Report
) -> Approach:
    """The whole way; what cannot go together is reported.

    Args:
        table: the endpoint; `key`: where it stands, `report`: of its file.
        known: the vantages, by name.
    """
    via = None
    if table.via is not None:
        via = vantages.named(table.via, (*key, "via"), known, report)
    if table.http3:
        for other in ("starttls", "proxy_protocol", "via", "present"):
            if getattr(table, other):
                what = f"HTTP/3 goes over UDP, where there is no {other}"
                report.add((*key, other), what, _ONE)
        if not table.present and table.starttls is None and via is None:
            return Approach(http3=True)
    if table.starttls is None and not table.proxy_protocol and via is None:
        return DIRECT
    return Approach(
        starttls=StartTls(table.starttls) if table.starttls else None,
        proxy_protocol=table.proxy_protocol or 0,
        via=via,
    )


def pair(
    table: schema.EndpointTable,
    key: Key,
    known: Mapping[str, Path],
    report: Report,
    *,
    present: bool,
) -> Pair | None:
    """What is presented to a server that demands a certificate of its clients.

    Args:
        table: the endpoint; `key`: where it stands, `report`: of its file.
        known: the live folders of the certificates of this configuration, by name.
        present: the endpoint's own certificate is presented.
    """
    said = [one for one in _FILES if getattr(table, one) is not None]
    if present and (said or table.client is not None):
        what = "the certificate itself is presented there"
        report.add((*key, said[0] if said else "client"), what, "remove it")
        return None
    if table.client is not None:
        if said:
            report.add((*key, said[0]), "a client's certificate is named already", _ONE)
        if table.client not in known:
            what = f"there is no certificate {shown(table.client)}"
            report.add((*key, "client"), what, meant(table.client, known))
            return None
        live = known[table.client]
        return Pair(certificate=live / "fullchain.pem", key=live / "privkey.pem")
    if len(said) == 1:
        missing = next(one for one in _FILES if one not in said)
        report.add((*key, said[0]), f"{missing} is missing beside it", f"add {missing}")
    if len(said) != len(_FILES):
        return None
    return _of_files(table, key, report)


def _of_files(table: schema.EndpointTable, key: Key, report: Report) -> Pair:
    places = {one: absolute(str(getattr(table, one)), report.file) for one in _FILES}
    found = Pair(certificate=places["client_certificate"], key=places["client_key"])
    wrong = False
    for field, path in places.items():
        try:
            content(path)
        except BadValueError as error:
            report.take((*key, field), error)
            wrong = True
    if not wrong:
        try:
            _look_at(found)
        except BadValueError as error:
            report.take((*key, "client_certificate"), error)
    return found


def _look_at(found: Pair) -> None:
    """See that a certificate and a key belong together.

    Raises:
        BadValueError: they do not, or one of them is none.
    """
    import ssl

    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(found.certificate, found.key, password="")
    except OSError:  # ssl.SSLError is one, whose text may quote what the file holds
        raise BadValueError(
            f"{found.certificate} and {found.key} are no certificate and its key",
            "name a certificate with its chain, and its key without a passphrase, both PEM",
        ) from None
