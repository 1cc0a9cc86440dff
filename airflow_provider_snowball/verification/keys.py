"""Keys of S3: which there can be, and their order, that of their UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_snowball.verification.records import LONGEST_KEY, UnreadableError

__all__ = ["Order", "check_key", "exact_order", "folded_order"]

Order = Callable[[str], bytes]
#: Of a key that is shown in an error.
_SHOWN = 200


def exact_order(key: str) -> bytes:
    """
    Return what S3 sorts a key by.

    :raises UnreadableError: if S3 can have no such key.
    """
    try:
        place = key.encode()
    except UnicodeEncodeError:
        raise UnreadableError(f"The key {key!r} is no text that S3 takes: half a surrogate pair") from None
    if len(place) > LONGEST_KEY:
        raise UnreadableError(
            f"The key {key[:_SHOWN]!r}… has {len(place)} bytes, and S3 takes {LONGEST_KEY} at most"
        )
    return place


def folded_order(key: str) -> bytes:
    """Return the same for all keys that differ in case only, as Unicode folds it."""
    exact_order(key)
    return key.casefold().encode()


def check_key(key: str, where: str) -> None:
    """
    Check that S3 can have a key.

    :raises UnreadableError: if it cannot; says where the key is.
    """
    try:
        exact_order(key)
    except UnreadableError as error:
        raise UnreadableError(
            f"{where}: {error}; set the encoding of its keys if they are percent-encoded, or key_mapping, or "
            "rename its file"
        ) from None
