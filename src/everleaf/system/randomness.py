"""The operating system's randomness."""

import secrets
from random import SystemRandom


class SystemRandomness:
    """`ports.Randomness`."""

    def share(self) -> float:
        """A random number from 0 to 1, uniform."""
        return SystemRandom().random()

    def token(self, size: int) -> str:
        """`size` random bytes as hexadecimal digits."""
        return secrets.token_hex(size)
