"""The JSON Schemas of the configuration, for editors."""

from typing import Any


def json_schema(*, included: bool = False) -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of the main file, or of an included one."""
    from everleaf.config.schema import Document, IncludedDocument

    form = IncludedDocument if included else Document
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_closed(form.model_json_schema(mode="validation")),
        "title": "a file that everleaf.toml includes" if included else "everleaf.toml",
    }


def _closed(schema: Any) -> Any:
    """The same, where a name that is of no known form is refused."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(one) for key, one in schema.items()}
    return {**closed, "additionalProperties": False} if "patternProperties" in closed else closed
