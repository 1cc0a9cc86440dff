"""What a device carries, as far as the API shows it: how much of it was moved so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["LISTING", "Contents", "Load"]

#: The part of a transfer in which the keys are still being listed, and no total is known.
LISTING = 0.05
_MIB = 2**20


class Contents(Protocol):
    """What a device carries."""

    def progress(self, fraction: float) -> dict[str, int]:
        """Return a DataTransfer after that part of the time."""

    def split(self, count: int) -> Sequence[Contents]:
        """Return the contents of ``count`` devices that carry this together."""


@dataclass(frozen=True)
class Load:
    """So many objects, all of one size in bytes."""

    count: int = 100
    size: int = 512 * _MIB

    def progress(self, fraction: float) -> dict[str, int]:
        """Return a DataTransfer after that part of the time."""
        if fraction < LISTING:
            return {"BytesTransferred": 0, "ObjectsTransferred": 0, "TotalBytes": 0, "TotalObjects": 0}
        total = self.count * self.size
        moved = int(total * (fraction - LISTING) / (1 - LISTING))
        return {
            "BytesTransferred": moved,
            "ObjectsTransferred": moved // self.size,
            "TotalBytes": total,
            "TotalObjects": self.count,
        }

    def split(self, count: int) -> list[Load]:
        """Return the contents of ``count`` devices that carry this together."""
        each, more = divmod(self.count, count)
        return [Load(each + (number < more), self.size) for number in range(count)]
