"""
Sort more records than fit into memory, by SQLite, whose sorter merges what it has put into temporary files.

S3 lists keys in the order of their UTF-8 bytes; so does SQLite compare blobs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from airflow_provider_snowball.verification.records import (
    Checksum,
    Claim,
    Source,
    StoredObject,
    UnreadableError,
)

__all__ = ["Order", "Place", "SortedRecords", "exact_order", "folded_order"]

#: Where an object stands: its bucket, and the bytes that its key is sorted by.
Place = tuple[str, bytes]
Order = Callable[[str], bytes]
#: SQLite takes this for pages, and as much again for sorting, in KiB.
_CACHE = 48 * 1024
_ROWS_AT_A_TIME = 1000


def exact_order(key: str) -> bytes:
    """Return what S3 sorts a key by."""
    try:
        return key.encode()
    except UnicodeEncodeError:
        raise UnreadableError(f"The key {key!r} is no text that S3 takes: half a surrogate pair") from None


def folded_order(key: str) -> bytes:
    """Return the same for all keys that differ in case only."""
    return exact_order(key.casefold())


class SortedRecords(AbstractContextManager["SortedRecords"]):
    """
    Claims, or objects of a bucket, to be read in the order of bucket and key.

    :param order: what a key is sorted by.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._folder = TemporaryDirectory(prefix="snowball-verification-")
        self._database = sqlite3.connect(Path(self._folder.name) / "records.sqlite", isolation_level=None)
        # It is read by nobody else, and thrown away.
        for pragma in (
            "journal_mode = OFF",
            "synchronous = OFF",
            f"cache_size = -{_CACHE}",
            "locking_mode = EXCLUSIVE",
        ):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(
            "CREATE TABLE records (bucket TEXT, place BLOB, key TEXT, size INTEGER, etag TEXT, "
            "checksums TEXT, job_id TEXT, error TEXT, source TEXT)"
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def add_claims(self, claims: Iterable[Claim]) -> None:
        """Take claims."""
        order, key_of = self._order, self._kept_key
        self._add(
            (
                each.bucket, order(each.key), key_of(each.key), each.size, None, _text(each.checksums),
                each.job_id, each.error, each.source,
            )
            for each in claims
        )  # fmt: skip

    def add_objects(self, objects: Iterable[StoredObject]) -> None:
        """Take objects of a bucket."""
        order, key_of = self._order, self._kept_key
        self._add(
            (each.bucket, order(each.key), key_of(each.key), each.size, each.etag, None, None, None, None)
            for each in objects
        )

    def _kept_key(self, key: str) -> str | None:
        # What it is sorted by is all of it, and half of what there would be to sort.
        return None if self._order is exact_order else key

    def _add(self, rows: Iterable[tuple[object, ...]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")

    def claims(self) -> Iterator[tuple[Place, Claim]]:
        """Yield the claims in order, each with where it stands."""
        for bucket, place, key, size, _, checksums, job_id, error, source in self._rows():
            known = _checksums(checksums)
            name = place.decode() if key is None else key
            yield (bucket, place), Claim(Source(source), bucket, name, size, known, job_id, error)

    def objects(self) -> Iterator[tuple[Place, StoredObject]]:
        """Yield the objects in order, each with where it stands."""
        for bucket, place, key, size, etag, *_ in self._rows():
            name = place.decode() if key is None else key
            yield (bucket, place), StoredObject(bucket, name, size, etag)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        found = self._database.execute("SELECT * FROM records ORDER BY bucket, place, rowid")
        while rows := found.fetchmany(_ROWS_AT_A_TIME):
            yield from rows


def _text(checksums: tuple[Checksum, ...]) -> str | None:
    return json.dumps(checksums) if checksums else None


def _checksums(text: str | None) -> tuple[Checksum, ...]:
    return tuple(starmap(Checksum, json.loads(text))) if text else ()
