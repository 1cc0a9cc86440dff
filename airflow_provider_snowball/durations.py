"""Say how long something takes. Pure: standard library only."""

from __future__ import annotations

__all__ = ["format_duration"]


def format_duration(seconds: float) -> str:
    """Return a duration as a person says it, in its two largest units: ``90 days``, ``1 hour 30 minutes``."""
    if seconds < 1:
        return f"{seconds:.2g} seconds"
    parts = []
    rest = round(seconds)
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])
