"""What tables of every kind are made of: durations, names, ports, secrets."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Duration = Annotated[str, Field(pattern=r"^\d+\s*[smhd]$", examples=["30s", "6h", "3d"])]
Rate = Annotated[str, Field(pattern=r"^\d{1,9} in \d{1,9}\s*[smhd]$", examples=["300 in 3h"])]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
Names = Annotated[list[str], Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Table(BaseModel):
    """A TOML table without unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class SecretTable(Table):
    """Where a secret stands: exactly one of the three."""

    file: str | None = Field(default=None, description="A file that not everybody may read.")
    credential: str | None = Field(default=None, description="The name of a systemd credential.")
    env: str | None = Field(default=None, description="The name of an environment variable.")
