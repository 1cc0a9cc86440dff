"""
The one judgement on what should have arrived and what is there.

Each object is counted once: as alike, or under the gravest of its differences, which are in the order of
:class:`Kind`. What could not be compared is a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple, TypeVar

from airflow_provider_snowball.verification.records import (
    ETAG,
    Claim,
    Source,
    StoredObject,
    UnreadableError,
)
from airflow_provider_snowball.verification.sorting import Place

__all__ = ["Comparison", "Difference", "Kind", "Rules"]

T = TypeVar("T")
_AT_A_TIME = 256
#: The ETag of an object that was uploaded in parts.
_IN_PARTS = "-"


class Kind(StrEnum):
    """How an object differs, the gravest first. The values are in XComs and reports: they stay."""

    #: In a job's failure log, and in no other job's success log.
    FAILED = "failed"
    #: In the manifest and in no success log; not in the bucket, or nobody knows which object is meant.
    MISSING = "missing"
    #: In a success log, and not in the bucket.
    NOT_IN_BUCKET = "not_in_bucket"
    WRONG_SIZE = "wrong_size"
    WRONG_CHECKSUM = "wrong_checksum"
    #: There, but nobody says with which size it should be.
    SIZE_UNKNOWN = "size_unknown"
    #: There with its size, but S3 does not have the checksum to compare with.
    NOT_COMPARED = "not_compared"
    #: In the manifest and in the bucket, and in no success log: it may have been there before.
    NOT_LOGGED = "not_logged"
    #: In the bucket, and nobody said that it would be.
    EXTRA = "extra"


class Difference(NamedTuple):
    """How one object differs; ``detail`` says what was expected and what was found."""

    kind: Kind
    bucket: str
    key: str
    detail: str


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What is compared, and what is tolerated.

    :param manifest: whether there is a manifest: what is not in it is extra.
    :param logs: whether the success logs have been read: what is not in them was not imported.
    :param tolerated: differences that are counted and written, and let it pass.
    """

    manifest: bool
    logs: bool
    tolerated: frozenset[Kind] = frozenset()


class _Pair(NamedTuple):
    """What is said of an object, and the object, None if it is not there."""

    key: str
    claims: Sequence[Claim]
    stored: StoredObject | None
    #: Whether other objects have keys that differ from this in case only, so that nobody knows which it is.
    is_ambiguous: bool = False


@dataclass
class Comparison:
    """
    Compares what is said of objects with a bucket's, and counts.

    :param look: returns objects with their checksums, for those whose ETag does not tell; None: they are not
        compared.
    """

    rules: Rules
    look: Callable[[Sequence[StoredObject]], Sequence[StoredObject]] | None = None
    counts: Counter[Kind] = field(default_factory=Counter)
    #: Objects that anybody has said anything of, or that are there; bytes of those that are alike.
    objects: int = 0
    alike: int = 0
    bytes: int = 0
    #: Checksums of those that are alike, by algorithm: none of an algorithm that nothing was compared by.
    checksums: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> int:
        """How many objects differ in a way that is not tolerated."""
        return sum(count for kind, count in self.counts.items() if kind not in self.rules.tolerated)

    def differences(
        self, claims: Iterable[tuple[Place, Claim]], stored: Iterable[tuple[Place, StoredObject]]
    ) -> Iterator[Difference]:
        """
        Yield each object that differs.

        :param claims: in order, as ``stored``.
        :raises UnreadableError: if either is not in order.
        """
        every = _pairs(claims, stored)
        while pairs := list(islice(every, _AT_A_TIME)):
            closer = self._look_closer(pairs)
            for pair in pairs:
                self.objects += 1
                difference = None if self._is_plain(pair) else _judge(pair, self.rules, closer)
                if difference is None:
                    self.alike += 1
                    self.bytes += pair.stored.size if pair.stored else 0
                    for claim in pair.claims:
                        if claim.checksums:
                            self.checksums.update(each.algorithm for each in claim.checksums)
                    continue
                self.counts[difference.kind] += 1
                yield difference

    def _is_plain(self, pair: _Pair) -> bool:
        """Return whether it is there with the size that a manifest says: all that is known of most."""
        if len(pair.claims) != 1 or pair.stored is None or self.rules.logs:
            return False
        claim = pair.claims[0]
        return claim.source is Source.MANIFEST and claim.size == pair.stored.size and not claim.checksums

    def _look_closer(self, pairs: Sequence[_Pair]) -> dict[tuple[str, str], StoredObject]:
        if self.look is None:
            return {}
        # Each once, however many say something of it.
        wanted = dict.fromkeys(
            pair.stored
            for pair in pairs
            for claim in pair.claims
            if claim.checksums and pair.stored is not None and _needs_a_look(claim, pair.stored)
        )
        return {(each.bucket, each.key): each for each in self.look(list(wanted))} if wanted else {}


def _pairs(
    claims: Iterable[tuple[Place, Claim]], stored: Iterable[tuple[Place, StoredObject]]
) -> Iterator[_Pair]:
    place_of = itemgetter(0)
    said, there = _in_order(groupby(claims, place_of)), _in_order(groupby(stored, place_of))
    claim, found = next(said, None), next(there, None)
    while claim is not None and found is not None:
        if claim[0] == found[0]:
            yield from _of_one_place(_those_of(claim), _those_of(found))
            claim, found = next(said, None), next(there, None)
        elif claim[0] < found[0]:
            yield from _of_one_place(_those_of(claim), ())
            claim = next(said, None)
        else:
            yield from _of_one_place((), _those_of(found))
            found = next(there, None)
    while claim is not None:
        yield from _of_one_place(_those_of(claim), ())
        claim = next(said, None)
    while found is not None:
        yield from _of_one_place((), _those_of(found))
        found = next(there, None)


def _those_of(group: tuple[Place, Iterable[tuple[Place, T]]]) -> list[T]:
    return [each for _, each in group[1]]


def _in_order(groups: Iterable[tuple[Place, T]]) -> Iterator[tuple[Place, T]]:
    before: Place | None = None
    for place, group in groups:
        # A listing that goes back has left something out, or has it twice.
        if before is not None and place < before:
            raise UnreadableError(
                f"The listing of bucket {place[0]} is not in order: {place[1]!r} after {before[1]!r}"
            )
        before = place
        yield place, group


def _of_one_place(claims: Sequence[Claim], stored: Sequence[StoredObject]) -> Iterator[_Pair]:
    """Yield the pairs of one key, or of keys that differ in case only."""
    if len(claims) <= 1 and len(stored) <= 1:
        yield _Pair(stored[0].key if stored else claims[0].key, claims, stored[0] if stored else None)
        return
    keys = dict.fromkeys(claim.key for claim in claims)
    of_manifest = {claim.key for claim in claims if claim.source is Source.MANIFEST}
    of_logs = {claim.key for claim in claims if claim.source is not Source.MANIFEST}
    if max(len(of_manifest), len(of_logs), len(stored)) <= 1:
        yield _Pair(stored[0].key if stored else claims[0].key, claims, stored[0] if stored else None)
        return
    left = {each.key: each for each in stored}
    for key in keys:
        own = [claim for claim in claims if claim.key == key]
        found = left.pop(key, None)
        yield _Pair(key, own, found, is_ambiguous=found is None and len(stored) > 0)
    for each in left.values():
        yield _Pair(each.key, (), each)


def _judge(pair: _Pair, rules: Rules, closer: dict[tuple[str, str], StoredObject]) -> Difference | None:
    """Return the gravest difference of an object, None if it is as it should be."""
    manifest, success, failures = (
        [claim for claim in pair.claims if claim.source is source] for source in Source
    )

    def differs(kind: Kind, detail: str) -> Difference:
        bucket = pair.claims[0].bucket if pair.claims else pair.stored.bucket if pair.stored else ""
        return Difference(kind, bucket, pair.key, detail)

    failed_in = {claim.job_id for claim in failures}
    # What was sent again with another device has arrived, if anything else says so as well.
    if failures and not any(claim.job_id not in failed_in for claim in success):
        return differs(Kind.FAILED, "; ".join(f"job {claim.job_id}: {claim.error}" for claim in failures))
    stored = pair.stored
    if stored is None:
        if pair.is_ambiguous:
            return differs(Kind.MISSING, "others have this key in another case: which is meant is not known")
        if success:
            return differs(Kind.NOT_IN_BUCKET, f"in the success log of job {success[0].job_id}")
        return differs(Kind.MISSING, f"expected with {_sizes(manifest)}")
    stored = closer.get((stored.bucket, stored.key), stored)
    return (
        _of_size(differs, [*manifest, *success], stored)
        or _of_checksums(differs, manifest, stored)
        or _of_sources(differs, rules, manifest, success)
    )


_Differs = Callable[[Kind, str], Difference]


def _of_size(differs: _Differs, claims: Sequence[Claim], stored: StoredObject) -> Difference | None:
    if not claims:
        return None
    sizes = {claim.size for claim in claims} - {None}
    if not sizes:
        return differs(Kind.SIZE_UNKNOWN, f"nobody says its size; it has {stored.size} bytes")
    if sizes != {stored.size}:
        return differs(Kind.WRONG_SIZE, f"expected with {_sizes(claims)}; it has {stored.size}")
    return None


def _sizes(claims: Sequence[Claim]) -> str:
    said = dict.fromkeys(f"{claim.size} bytes ({claim.source})" for claim in claims if claim.size is not None)
    return " and ".join(said) or "no size"


def _of_checksums(differs: _Differs, claims: Sequence[Claim], stored: StoredObject) -> Difference | None:
    unknown = None
    for claim in claims:
        for checksum in claim.checksums:
            has = _value(checksum.algorithm, stored)
            if has is None:
                unknown = unknown or differs(
                    Kind.NOT_COMPARED,
                    f"its {checksum.algorithm} is not known to S3: its ETag is {stored.etag or 'missing'}",
                )
            elif has != checksum.value:
                return differs(
                    Kind.WRONG_CHECKSUM,
                    f"expected with {checksum.algorithm} {checksum.value}; it has {has}",
                )
    return unknown


def _value(algorithm: str, stored: StoredObject) -> str | None:
    """Return a checksum of a whole object, None if the bucket does not tell it."""
    if algorithm == ETAG:
        return stored.etag or None
    for checksum in stored.checksums:
        if checksum.algorithm == algorithm:
            return checksum.value
    if algorithm == "md5" and stored.etag and not stored.is_etag_opaque and _IN_PARTS not in stored.etag:
        return stored.etag
    return None


def _needs_a_look(claim: Claim, stored: StoredObject) -> bool:
    """Return whether the listing does not tell a checksum; of an encrypted object it tells another."""
    return any(
        checksum.algorithm != ETAG and _value(checksum.algorithm, stored) != checksum.value
        for checksum in claim.checksums
    )


def _of_sources(
    differs: _Differs, rules: Rules, manifest: Sequence[Claim], success: Sequence[Claim]
) -> Difference | None:
    if rules.manifest and not manifest:
        logged = f"in the success log of job {success[0].job_id}, not in the manifest" if success else None
        return differs(Kind.EXTRA, logged or "nobody said that it would be there")
    if rules.logs and not success:
        if manifest:
            return differs(Kind.NOT_LOGGED, "in no success log: it may have been there before")
        return differs(Kind.EXTRA, "in no success log")
    return None
