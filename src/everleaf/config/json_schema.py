"""The JSON Schema of the configuration, for editors."""

from typing import Any


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of the main file."""
    from everleaf.config.schema import Document

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(mode="validation"),
        "title": "everleaf.toml",
    }
