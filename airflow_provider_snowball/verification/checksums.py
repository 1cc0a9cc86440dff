"""What checksums tell: whether an object is what a manifest has, and whether two lines are of one content."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_snowball.verification.records import ETAG, Checksum, Claim, StoredObject

__all__ = ["are_one_content", "has_what_it_should", "needs_a_look", "value_of"]

#: The ETag of an object that was uploaded in parts.
_IN_PARTS = "-"


def value_of(algorithm: str, stored: StoredObject) -> str | None:
    """Return a checksum of a whole object, None if the bucket does not tell it."""
    if algorithm == ETAG:
        return stored.etag or None
    for checksum in stored.checksums:
        if checksum.algorithm == algorithm:
            return checksum.value
    if algorithm == "md5" and stored.etag and not stored.is_etag_opaque and _IN_PARTS not in stored.etag:
        return stored.etag
    return None


def needs_a_look(claim: Claim, stored: StoredObject) -> bool:
    """Return whether the listing does not tell a checksum; of an encrypted object it tells another."""
    return any(
        checksum.algorithm != ETAG and value_of(checksum.algorithm, stored) != checksum.value
        for checksum in claim.checksums
    )


def has_what_it_should(claims: Sequence[Claim], stored: StoredObject) -> bool:
    """Return whether a checksum says that an object has the bytes that it should."""
    return any(
        value_of(checksum.algorithm, stored) == checksum.value
        for claim in claims
        for checksum in claim.checksums
    )


def are_one_content(claims: Sequence[Claim]) -> bool:
    """
    Return whether all claims have a checksum in common, and contradict each other by none.

    An ETag is none of the content: what it is made of depends on who stores the object.
    """
    contents = [{each for each in claim.checksums if each.algorithm != ETAG} for claim in claims]
    every: set[Checksum] = set().union(*contents)
    return bool(set.intersection(*contents)) and len(every) == len({each.algorithm for each in every})
