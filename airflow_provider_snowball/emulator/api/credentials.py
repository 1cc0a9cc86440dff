"""What unlocks a device: a code that nothing can be told from, and that is never logged."""

from __future__ import annotations

import secrets

__all__ = ["new_unlock_code"]

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_unlock_code() -> str:
    """Return the 29 characters of an UnlockCode: 25 letters and digits in five groups."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(5))
