"""
What a device carries: the objects that a job moves between the device and S3, and which of them fail.

There is no device, so nothing is copied anywhere: its contents are what reports, logs and progress show.
"""

from __future__ import annotations

import csv
import io
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate
from typing import Any, cast

from ..api.jobs import Job
from ..api.transfer import LISTING

__all__ = ["DeviceContents", "DeviceObject", "Recipe", "buckets_of", "contents_of"]

_MIB = 2**20
#: Why an object is not imported, unless a test says otherwise; AWS does not publish its words.
_REASON = "Checksum mismatch"


#: A seed, and shares: each a number of so many.
Recipe = tuple[str, tuple[tuple[int, int], ...]]


@dataclass(frozen=True)
class DeviceObject:
    """An object of ``size`` bytes; ``error`` says why it fails, None if it does not."""

    bucket: str
    key: str
    size: int
    error: str | None = None


class DeviceContents:
    """
    The objects of one device, in the order in which they are transferred.

    :param recipe: what the usual ones are made from: a seed, and which share of how many, one in another.
    """

    def __init__(self, make: Callable[[], Iterable[DeviceObject]], recipe: Recipe | None = None) -> None:
        self._make = make
        self.recipe = recipe

    @classmethod
    def of(cls, objects: Iterable[DeviceObject]) -> DeviceContents:
        """Return the contents of a device with these objects."""
        listed = tuple(objects)
        return cls(lambda: listed)

    @classmethod
    def by(cls, recipe: Recipe, details: Mapping[str, Any]) -> DeviceContents:
        """Return the usual contents that a recipe is of; ``details`` as for :meth:`usual`."""
        seed, shares = recipe
        contents = cls.usual(details, seed)
        for number, count in shares:
            contents = contents.split(count)[number]
        return contents

    @classmethod
    def usual(cls, details: Mapping[str, Any], seed: object) -> DeviceContents:
        """
        Return a hundred objects for each bucket of a job; the same for the same seed.

        :param details: the job's members, whose Resources are read when the objects are asked for.
        """
        return cls(lambda: _usual_objects(buckets_of(details), seed), (str(seed), ()))

    @cached_property
    def objects(self) -> Sequence[DeviceObject]:
        """The objects. Made when they are first asked for: those of most jobs never are."""
        return tuple(self._make())

    @property
    def failed(self) -> list[DeviceObject]:
        """The objects that fail."""
        return [each for each in self.objects if each.error is not None]

    @property
    def succeeded(self) -> list[DeviceObject]:
        """The objects that do not."""
        return [each for each in self.objects if each.error is None]

    def failing(self, failed: int | Mapping[str, str]) -> DeviceContents:
        """
        Return the same objects, of which these fail and no others.

        :param failed: how many, taken from the end, or the reason for each key.
        :raises ValueError: if there are not as many objects, or no object has such a key.
        """
        if isinstance(failed, Mapping):
            if unknown := sorted(set(failed) - {each.key for each in self.objects}):
                raise ValueError(f"The device has no object {', '.join(unknown)}")
            return DeviceContents.of(replace(each, error=failed.get(each.key)) for each in self.objects)
        if not 0 <= failed <= len(self.objects):
            raise ValueError(f"failed must be from 0 to {len(self.objects)}, as many objects; got {failed}")
        good = len(self.objects) - failed
        return DeviceContents.of(
            replace(each, error=_REASON if number >= good else None)
            for number, each in enumerate(self.objects)
        )

    def split(self, count: int) -> list[DeviceContents]:
        """Return the contents of ``count`` devices that carry these objects together."""
        return [
            DeviceContents(
                partial(self._share, number, count),
                self.recipe and (self.recipe[0], (*self.recipe[1], (number, count))),
            )
            for number in range(count)
        ]

    def _share(self, number: int, count: int) -> Sequence[DeviceObject]:
        size, more = divmod(len(self.objects), count)
        start = number * size + min(number, more)
        return self.objects[start : start + size + (number < more)]

    def progress(self, fraction: float) -> dict[str, int]:
        """Return a DataTransfer after that part of the time; failed objects are not transferred."""
        good = self.succeeded
        sizes = list(accumulate(each.size for each in good))
        if fraction < LISTING or not sizes:
            return {"BytesTransferred": 0, "ObjectsTransferred": 0, "TotalBytes": 0, "TotalObjects": 0}
        moved = int(sizes[-1] * (fraction - LISTING) / (1 - LISTING))
        return {
            "BytesTransferred": moved,
            "ObjectsTransferred": bisect_right(sizes, moved),
            "TotalBytes": sum(each.size for each in self.objects),
            "TotalObjects": len(self.objects),
        }

    def success_log(self) -> str:
        """Return the log of the objects that were transferred, as CSV."""
        rows = [(each.bucket, each.key, each.size) for each in self.succeeded]
        return _csv([("Bucket", "Key", "Size"), *rows])

    def failure_log(self) -> str:
        """Return the log of the objects that were not, as CSV."""
        rows = [(each.bucket, each.key, each.size, each.error) for each in self.failed]
        return _csv([("Bucket", "Key", "Size", "Error"), *rows])


def contents_of(job: Job) -> DeviceContents:
    """Return what a job's device carries."""
    # Whatever makes a job here gives it these.
    return cast("DeviceContents", job.contents)


def buckets_of(details: Mapping[str, Any]) -> list[str]:
    """Return the names of the buckets of a job; one that stands for them if it names none."""
    resources = (details.get("Resources") or {}).get("S3Resources") or []
    arns = [each.get("BucketArn", "") for each in resources]
    return [arn.rpartition(":")[2] for arn in arns if arn] or ["no-bucket-was-named"]


def _usual_objects(buckets: Sequence[str], seed: object) -> Iterable[DeviceObject]:
    dice = random.Random(f"contents {seed}")  # noqa: S311 - sizes that differ, not a secret
    for bucket in buckets:
        for number in range(1, 101):
            yield DeviceObject(bucket, f"data/object-{number:04}.bin", dice.randrange(_MIB, 1024 * _MIB))


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
