"""
Read the logs of a job: which objects were transferred, and which were not, and why.

AWS says that they are CSV and no more (https://docs.aws.amazon.com/snowball/latest/api-reference/API_JobLogs.html).
So columns are found by their names, others are passed over, and a log whose key cannot be told is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import unquote

from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.verification.keys import check_key
from airflow_provider_snowball.verification.records import LONGEST_KEY, Claim, Source, UnreadableError
from airflow_provider_snowball.verification.request import KEY_ENCODINGS
from airflow_provider_snowball.verification.tables import plain, read_rows, size_of

__all__ = ["NO_UTF8", "key_decoder", "read_log"]

#: What the columns may be called, besides their own names.
_COLUMNS = {
    "bucket": ("bucket name", "s3 bucket"),
    "key": ("object key", "s3 key", "object", "object name", "key name"),
    "size": (
        "bytes", "object size", "size in bytes", "size bytes", "file size", "length", "content length",
    ),
}  # fmt: skip
#: Of what a log says of an error, all is told, in this order; it only informs.
_ERRORS = ("error code", "error", "error message", "failure reason", "reason", "message")
_NAMES = {plain(title): name for name, titles in _COLUMNS.items() for title in (name, *titles)}
_NAMES |= {plain(title): title for title in _ERRORS}
_NEXT_IF_EMPTY = (
    "look at it in AWS's console; if it is empty there, ask AWS Support for it, or verify without, by a "
    "manifest and use_logs=False"
)
#: How a failure log is decoded, as :meth:`bytes.decode` has it.
NO_UTF8 = "surrogateescape"


def key_decoder(encoding: str, errors: str = "strict") -> Callable[[str, str], str]:
    """
    Return what makes a key of a text at a place.

    :param errors: as :meth:`bytes.decode` has it, of what is no UTF-8 once decoded.
    :raises ArgumentError: if it is none of :data:`.request.KEY_ENCODINGS`.
    """
    if encoding == "none":
        return lambda text, _: text

    def decode(text: str, where: str) -> str:
        try:
            return unquote(text, errors=errors)
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

    What failed may have done so for its key, so that one that S3 cannot have is none that cannot be read.

    :param lines: with their ends; of a failure log, what is no UTF-8 as :data:`NO_UTF8` has it.
    :param what: ``Failure log of job JID…``, for messages.
    :param bucket: whose objects they are, if the log has no column for it; None if there is more than one.
    :param decode: makes a key of a text, as :func:`key_decoder` returns it.
    :raises UnreadableError: if it cannot be told which object a line is about, or the log is torn.
    """
    rows = read_rows(lines, _NAMES, what, required=("key",), strict=False, next_if_empty=_NEXT_IF_EMPTY)
    for line, row in rows:
        where = f"{what}, line {line}"
        named = row.get("bucket") or bucket
        if not named:
            raise UnreadableError(f"{where} does not say which bucket the object is of")
        if not row["key"]:
            raise UnreadableError(f"{where} has no key")
        size = row.get("size")
        key = decode(row["key"], where)
        claim = Claim(source, named, key, None if not size else size_of(size, where), job_id=job_id)
        if source is Source.FAILURE_LOG:
            claim = _failed(claim, row)
        else:
            check_key(key, where)
        yield claim


def _failed(claim: Claim, row: Mapping[str, str]) -> Claim:
    """Return what is said of an object that failed, under a key that S3 can have."""
    key = _escaped(claim.key)
    cut = key.encode()[:LONGEST_KEY].decode(errors="ignore")
    return claim._replace(
        bucket=_escaped(claim.bucket),
        key=cut,
        error=_escaped(": ".join(filter(None, map(row.get, _ERRORS)))) or "no reason given",
        # A line may have a megabyte.
        written=None if cut == claim.key else key[: 2 * LONGEST_KEY],
    )


def _escaped(text: str) -> str:
    """Return a text with what was no UTF-8 as escapes."""
    return text.encode(errors=NO_UTF8).decode(errors="backslashreplace")
