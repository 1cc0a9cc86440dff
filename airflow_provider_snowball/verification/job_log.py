"""
Read the logs of a job: which objects were transferred, and which were not, and why.

AWS says that they are CSV and no more (https://docs.aws.amazon.com/snowball/latest/api-reference/API_JobLogs.html).
So columns are found by their names, others are passed over, and a log whose key cannot be told is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote

from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.verification.records import Claim, Source, UnreadableError
from airflow_provider_snowball.verification.request import KEY_ENCODINGS
from airflow_provider_snowball.verification.tables import plain, read_rows, size_of

__all__ = ["key_decoder", "read_log"]

#: What the columns may be called, besides their own names.
_COLUMNS = {
    "bucket": ("bucket name", "s3 bucket"),
    "key": ("object key", "s3 key", "object", "object name", "key name"),
    "size": ("bytes", "object size", "size in bytes", "size bytes", "file size"),
    "error": ("error message", "reason", "failure reason", "message", "error code"),
}
_NAMES = {plain(title): name for name, titles in _COLUMNS.items() for title in (name, *titles)}


def key_decoder(encoding: str) -> Callable[[str, str], str]:
    """
    Return what makes a key of a text at a place.

    :raises ArgumentError: if it is none of :data:`.request.KEY_ENCODINGS`.
    """
    if encoding == "none":
        return lambda text, _: text

    def decode(text: str, where: str) -> str:
        try:
            return unquote(text, errors="strict")
        except UnicodeDecodeError:
            raise UnreadableError(
                f"{where} has a key that is not UTF-8 once decoded: {text[:200]!r}"
            ) from None

    if encoding != "url":
        raise ArgumentError(
            f"key_encoding must be one of {', '.join(KEY_ENCODINGS)}; got {encoding!r} [SNB106]"
        )
    return decode


def read_log(
    lines: Iterable[str],
    source: Source,
    what: str,
    *,
    job_id: str,
    bucket: str | None = None,
    decode: Callable[[str, str], str] = lambda text, _: text,
) -> Iterator[Claim]:
    """
    Yield what a job's log says of each object.

    :param lines: with their ends.
    :param what: ``Failure log of job JID…``, for messages.
    :param bucket: whose objects they are, if the log has no column for it; None if there is more than one.
    :param decode: makes a key of a text, as :func:`key_decoder` returns it.
    :raises UnreadableError: if it cannot be told which object a line is about, or the log is torn.
    """
    for line, row in read_rows(lines, _NAMES, what, required=("key",), strict=False):
        where = f"{what}, line {line}"
        named = row.get("bucket") or bucket
        if not named:
            raise UnreadableError(f"{where} does not say which bucket the object is of")
        if not row["key"]:
            raise UnreadableError(f"{where} has no key")
        size = row.get("size")
        yield Claim(
            source,
            named,
            decode(row["key"], where),
            # A failed object may have none.
            None if not size else size_of(size, where),
            job_id=job_id,
            error=(row.get("error") or "no reason given") if source is Source.FAILURE_LOG else None,
        )
