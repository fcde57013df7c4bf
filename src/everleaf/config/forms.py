"""What tables of every kind are made of: durations, names, ports, secrets."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_DURATION = r"^[0-9]+\s*[smhd]$"
_RATE = r"^[0-9]{1,9} in [0-9]{1,9}\s*[smhd]$"
_VARIABLE = r"^[A-Za-z][A-Za-z0-9_]*$"
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
# What would be right where a text is not of a form.
REMEDIES = {
    _DURATION: "write a number and s, m, h or d, as in 30s",
    _RATE: "write a number and a duration, as in 300 in 3h",
    _VARIABLE: "use letters, digits and underscores; a letter first",
    _NAME: "use up to 64 letters, digits, points, hyphens; a letter or digit first",
}

Duration = Annotated[str, Field(pattern=_DURATION, examples=["30s", "6h", "3d"])]
Rate = Annotated[str, Field(pattern=_RATE, examples=["300 in 3h"])]
Variable = Annotated[str, Field(pattern=_VARIABLE)]
Name = Annotated[str, Field(pattern=_NAME)]
Names = Annotated[list[str], Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Table(BaseModel):
    """A TOML table without unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class SecretTable(Table):
    """Where a secret stands: exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [one]} for one in ("file", "credential", "env")],
        }
    )

    file: str | None = Field(default=None, description="A file that not everybody may read.")
    credential: str | None = Field(default=None, description="The name of a systemd credential.")
    env: str | None = Field(default=None, description="The name of an environment variable.")
