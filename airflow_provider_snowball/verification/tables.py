"""Read the rows of a CSV file whose first line names its columns: else it is an error, never a guess."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from airflow_provider_snowball.verification.records import UnreadableError

__all__ = ["Row", "decoded", "plain", "read_rows", "size_of", "unknown_column"]

#: Of a line that is shown in an error.
_SHOWN = 200
#: Of a size.
_DIGITS = 18

Row = tuple[int, Mapping[str, str]]


def decoded(lines: Iterable[bytes], what: str, errors: str = "strict") -> Iterator[str]:
    """
    Yield the lines of a file in UTF-8, with their ends, without a byte order mark.

    :param errors: as :meth:`bytes.decode` has it.
    :raises UnreadableError: with ``strict``, if a line is in no UTF-8: a key that was guessed may be
        another's.
    """
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8", errors)
        except UnicodeDecodeError as error:
            raise UnreadableError(
                f"{what}, line {number}, is not UTF-8 (byte {error.start}): {line[:_SHOWN]!r}"
            ) from None


def read_rows(
    lines: Iterable[str],
    names: Mapping[str, str | None],
    what: str,
    *,
    required: Sequence[str],
    strict: bool,
    next_if_empty: str,
) -> Iterator[Row]:
    """
    Yield the number of each row's last line, and its values by our names of the columns.

    :param lines: with their ends, since a quoted value may hold some.
    :param names: our name of a column, or None if nobody wants it, by what it may be called, as :func:`plain`
        returns that.
    :param what: for messages.
    :param required: our names of columns that must be there.
    :param strict: whether a column by another name is an error; it is passed over otherwise.
    :param next_if_empty: what to do about a file of 0 bytes.
    :raises UnreadableError: if there is no first line, a column is missing or there twice, a row has more or
        fewer values than there are columns, or the file ends within one, as far as that can be told.
    """
    last = ""

    def remembered() -> Iterator[str]:
        nonlocal last
        for line in lines:
            last = line
            yield line

    reader = csv.reader(remembered(), strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise UnreadableError(
                f"{what} is empty: it has not even a line that names its columns; {next_if_empty}"
            )
        ours = list(_columns(header, names, what, required, strict=strict).items())
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise UnreadableError(
                    f"{what}, line {reader.line_num}, has {len(row)} values for {len(header)} columns: "
                    f"{_shown(row)}"
                )
            if not row[-1] and not last.endswith(("\n", "\r")):
                raise UnreadableError(f"{what} ends within a line, as if it had been cut: {_shown(row)}")
            yield reader.line_num, {name: row[index] for name, index in ours}
    except csv.Error as error:
        raise UnreadableError(f"{what}, line {reader.line_num}, is no CSV: {error}") from None


def _columns(
    header: Sequence[str],
    names: Mapping[str, str | None],
    what: str,
    required: Sequence[str],
    *,
    strict: bool,
) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, title in enumerate(header):
        if plain(title) not in names:
            if strict:
                raise UnreadableError(unknown_column(title, names, what))
            continue
        name = names[plain(title)]
        if name in found:
            raise UnreadableError(f"{what} has two columns for the {name}: {_shown(header)}")
        if name is not None:
            found[name] = index
    for name in required:
        if name not in found:
            called = ", ".join(title for title, ours in names.items() if ours == name)
            raise UnreadableError(
                f"{what} has no column for the {name} ({called}) in its first line: {_shown(header)}"
            )
    return found


def unknown_column(title: str, names: Iterable[str], what: str) -> str:
    """Say of a column that nobody knows it: what it has may have been meant to be compared."""
    return f"{what} has a column {title[:_SHOWN]!r}, which is none of {', '.join(names)}"


def plain(title: str) -> str:
    """Return the name of a column without what does not matter: case, blanks, punctuation."""
    return re.sub(r"[\W_]+", "", title).casefold()


def _shown(row: Sequence[str]) -> str:
    text = ",".join(row)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def size_of(text: str, where: str) -> int:
    """
    Return a number of bytes.

    :raises UnreadableError: if it is none.
    """
    # Not int() alone, which takes signs, blanks, underscores and the digits of other scripts.
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise UnreadableError(f"{where}: the size must be a whole number of bytes; got {text[:_SHOWN]!r}")
    return int(text)
