"""What unlocks a device: a code, different in each process and never logged."""

from __future__ import annotations

import hashlib
import hmac
import secrets

__all__ = ["unlock_code"]

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_key = secrets.token_bytes(32)


def unlock_code(job_id: str) -> str:
    """Return the 29 characters of a job's UnlockCode: 25 letters and digits in five groups."""
    digest = hmac.new(_key, job_id.encode(), hashlib.sha256).digest()
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:25])
    return "-".join(letters[start : start + 5] for start in range(0, 25, 5))
