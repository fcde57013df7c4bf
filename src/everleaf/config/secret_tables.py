"""Tables that say where a secret stands become values; that it can be read is looked at here."""

from everleaf.config.faults import Key
from everleaf.config.forms import SecretTable
from everleaf.config.places import absolute
from everleaf.config.report import Report
from everleaf.errors import OperatorError
from everleaf.system.secrets import Secret


def secret(table: SecretTable, key: Key, report: Report) -> Secret:
    """Where it stands; a file that is missing, or that everybody may read, is reported."""
    said = [name for name in ("file", "credential", "env") if getattr(table, name)]
    if len(said) != 1:
        what = f"{' and '.join(said)} exclude each other" if said else "nothing says where it is"
        remedy = 'write { file = "/path" }, { credential = "name" } or { env = "NAME" }'
        report.add(key, what, remedy)
        return Secret(env="")
    found = Secret(
        file=absolute(table.file, report.file) if table.file else None,
        credential=table.credential or "",
        env=table.env or "",
    )
    if found.file is not None:
        try:
            found.read()
        except OperatorError as error:
            fault = error.fault
            remedy = fault.remedy[:1].lower() + fault.remedy[1:]
            report.add((*key, "file"), f"{fault.what}: {fault.where}", remedy)
    return found
