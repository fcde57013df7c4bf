"""Commands that are called in this process: a configuration for them, and what they came to."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CONFIG = """\
include = ["conf.d/*.toml"]
[settings]
state_dir = "STATE"
[authorities.ca]
directory = "https://ca.example.org/dir"
[solvers.web]
type = "http-01"
[certificates.a]
names = ["a.example.org"]
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its JSON document."""
        return json.loads(self.out)

    def of(self, name: str) -> Any:
        """One certificate's part of it."""
        (found,) = [one for one in self.document["certificates"] if one["name"] == name]
        return found


Everleaf = Callable[..., Said]
