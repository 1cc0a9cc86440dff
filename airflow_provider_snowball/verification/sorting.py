"""
Sort more records than fit into memory, by SQLite, whose sorter merges what it has put into temporary files.

S3 lists keys in the order of their UTF-8 bytes; so does SQLite compare blobs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from airflow_provider_snowball.verification.keys import Order, exact_order
from airflow_provider_snowball.verification.records import Checksum, Claim, Source, StoredObject

__all__ = ["Place", "SortedRecords"]

#: Where an object stands: its bucket, and the bytes that its key is sorted by.
Place = tuple[str, bytes]
#: SQLite takes this for pages, and as much again for sorting, in KiB.
_CACHE = 48 * 1024
_ROWS_AT_A_TIME = 1000
_More = tuple[tuple[Checksum, ...], str | None, str | None]
_NOTHING_MORE: _More = ((), None, None)
_SOURCES = {source.value: source for source in Source}


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
            "source TEXT, job_id TEXT, more TEXT)"
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
                each.bucket, bytearray(order(each.key)), key_of(each.key), each.size, "", each.source.value,
                each.job_id or "", _more(each),
            )
            for each in claims
        )  # fmt: skip

    def add_objects(self, objects: Iterable[StoredObject]) -> None:
        """Take objects of a bucket."""
        order, key_of = self._order, self._kept_key
        self._add(
            (each.bucket, bytearray(order(each.key)), key_of(each.key), each.size, each.etag, "", "", "")
            for each in objects
        )

    def _kept_key(self, key: str) -> str:
        # What it is sorted by is all of it, and half of what there would be to sort.
        return "" if self._order is exact_order else key

    # A text or a bytearray goes to SQLite as it is; for bytes and None, sqlite3 first looks for an adapter,
    # which takes as long as all the rest.
    def _add(self, rows: Iterable[tuple[object, ...]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")

    def claims(self) -> Iterator[tuple[Place, Claim]]:
        """Yield the claims in order, each with where it stands."""
        for bucket, place, key, size, _, source, job_id, more in self._rows():
            checksums, error, written = _less(more) if more else _NOTHING_MORE
            name = key or place.decode()
            claim = Claim(_SOURCES[source], bucket, name, size, checksums, job_id or None, error, written)
            yield (bucket, place), claim

    def objects(self) -> Iterator[tuple[Place, StoredObject]]:
        """Yield the objects in order, each with where it stands."""
        for bucket, place, key, size, etag, *_ in self._rows():
            yield (bucket, place), StoredObject(bucket, key or place.decode(), size, etag)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        found = self._database.execute("SELECT * FROM records ORDER BY bucket, place, rowid")
        while rows := found.fetchmany(_ROWS_AT_A_TIME):
            yield from rows


def _more(claim: Claim) -> str:
    """Return what most claims do not have."""
    if not claim.checksums and claim.error is None is claim.written:
        return ""
    return json.dumps([claim.checksums, claim.error, claim.written])


def _less(text: str) -> _More:
    checksums, error, written = json.loads(text)
    return tuple(starmap(Checksum, checksums)), error, written
