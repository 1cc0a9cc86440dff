"""
Read a manifest: what should have arrived, one object a row, as its source counts it.

CSV with a first line that names the columns, or a JSON object a line. The columns are ``key``, ``size`` in
bytes, and optionally ``bucket``, a checksum in a column by the name of its algorithm (``md5``, ``sha256``,
``sha1``, ``crc32``, ``crc32c``, ``crc64nvme``; hexadecimal or Base64), and ``etag``, compared as it stands.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_snowball.verification.keys import check_key
from airflow_provider_snowball.verification.records import (
    CHECKSUMS,
    ETAG,
    Checksum,
    Claim,
    Source,
    UnreadableError,
)
from airflow_provider_snowball.verification.request import COLUMNS
from airflow_provider_snowball.verification.tables import Row, plain, read_rows, size_of, unknown_column

__all__ = ["read_manifest"]

_REQUIRED = ("key", "size")
#: The columns that are required: most manifests have no more.
_WITHOUT_CHECKSUMS = 2


def read_manifest(
    lines: Iterable[str],
    form: str,
    what: str,
    *,
    bucket: str | None = None,
    columns: Mapping[str, str | None] | None = None,
    decode: Callable[[str, str], str] = lambda text, _: text,
    placed: Callable[[Claim], Claim] | None = None,
) -> Iterator[Claim]:
    """
    Yield what a manifest says of each object.

    :param lines: with their ends.
    :param form: ``csv`` or ``jsonl``.
    :param what: ``Manifest s3://…``, for messages.
    :param bucket: whose objects they are, where a row does not say; None if there is more than one.
    :param columns: which of :data:`.request.COLUMNS` a column of another name is; None if it is not wanted.
    :param decode: makes a key of a text, as :func:`.job_log.key_decoder` returns it.
    :param placed: puts what a row says under its key in S3, as
        :meth:`.request.VerificationRequest.placed`; None: it is under it.
    :raises UnreadableError: if a column or a row is not understood, S3 can have no such key, or there is no
        row.
    """
    names: dict[str, str | None] = {plain(name): name for name in COLUMNS}
    names |= {plain(title): name for title, name in (columns or {}).items()}
    rows = (
        read_rows(lines, names, what, required=_REQUIRED, strict=True, next_if_empty="write it anew")
        if form == "csv"
        else _rows_of_json(lines, names, what)
    )
    count = 0
    for count, (line, row) in enumerate(rows, 1):  # noqa: B007 - how many there were
        try:
            claim = _claim_of(row, bucket, decode)
            if placed is not None:
                claim = placed(claim)
            check_key(claim.key, "")
        except UnreadableError as error:
            raise UnreadableError(f"{what}, line {line}{error}") from None
        yield claim
    if not count:
        raise UnreadableError(f"{what} names no object: nothing can be compared with it")


def _claim_of(row: Mapping[str, str], bucket: str | None, decode: Callable[[str, str], str]) -> Claim:
    """Return what a row says; what an error says goes on after the place of the row."""
    named = row.get("bucket") or bucket
    if not named:
        raise UnreadableError(" does not say which bucket the object is of, and there is more than one")
    if not row["key"]:
        raise UnreadableError(" has no key")
    checksums = () if len(row) <= _WITHOUT_CHECKSUMS else tuple(_checksums_of(row))
    key = decode(row["key"], "")
    claim = Claim(Source.MANIFEST, named, key, size_of(row["size"], ""), checksums)
    return claim if key == row["key"] else claim._replace(written=row["key"])


def _checksums_of(row: Mapping[str, str]) -> Iterator[Checksum]:
    for name in (*CHECKSUMS, ETAG):
        if row.get(name):
            yield Checksum(name, _value_of(name, row[name]))


def _rows_of_json(lines: Iterable[str], names: Mapping[str, str | None], what: str) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{what}, line {number}"
        try:
            row = json.loads(line, object_pairs_hook=_once)
            if not isinstance(row, dict):
                raise ValueError(f"a {type(row).__name__} and no object")
            texts = _texts(row, names, where)
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"{where}, is not what a line of a manifest is: {error}") from None
        yield number, texts


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _texts(row: Mapping[str, Any], names: Mapping[str, str | None], where: str) -> dict[str, str]:
    if unknown := [title for title in row if plain(title) not in names]:
        raise UnreadableError(unknown_column(unknown[0], names, where))
    known = _once([(name, row[title]) for title in row if (name := names[plain(title)]) is not None])
    for name in _REQUIRED:
        if name not in known:
            raise UnreadableError(f"{where} has no {name}")
    if isinstance(known["size"], int) and not isinstance(known["size"], bool):
        known["size"] = str(known["size"])
    texts = {name: value for name, value in known.items() if value is not None or name in _REQUIRED}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise UnreadableError(f"{where}: the {name} must be a text; got {value!r}")
    return texts


def _value_of(name: str, text: str) -> str:
    """Return a checksum in lower-case hexadecimal, whichever way it was written."""
    if name == ETAG:
        return text.strip('"').lower()
    length = CHECKSUMS[name]
    if re.fullmatch(f"[0-9a-fA-F]{{{2 * length}}}", text):
        return text.lower()
    try:
        value = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        value = b""
    if len(value) == length:
        return value.hex()
    raise UnreadableError(f": {name} must have {length} bytes, in hexadecimal or Base64; got {text[:200]!r}")
