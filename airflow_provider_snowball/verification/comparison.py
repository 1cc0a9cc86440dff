"""
The one judgement on what should have arrived and what is there.

Each object is counted once: as alike, or under the gravest of its differences, which are in the order of
:class:`Kind`. What could not be compared is a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple, TypeVar

from airflow_provider_snowball.verification.checksums import (
    are_one_content,
    has_what_it_should,
    needs_a_look,
    value_of,
)
from airflow_provider_snowball.verification.records import Claim, Source, StoredObject, UnreadableError
from airflow_provider_snowball.verification.sorting import Place

__all__ = ["Comparison", "Difference", "Kind", "Rules"]

T = TypeVar("T")
_AT_A_TIME = 256
#: Characters of what is said of a difference.
_LONGEST_DETAIL = 1000


class Kind(StrEnum):
    """How an object differs, the gravest first. The values are in XComs and reports: they stay."""

    #: In a job's failure log, and in no later job's success log; and no checksum of the manifest says that it
    #: is there all the same, as after a copy by hand.
    FAILED = "failed"
    #: In the manifest and in no success log; not in the bucket, or nobody knows which object is meant, or
    #: several lines of the manifest have one key, and no checksum says that they are one content.
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
    :param created: when the jobs were created whose logs they are, in UTC, by their ids: what failed in one
        may have arrived with a later one. Of a job that is not in it, nobody knows.
    """

    manifest: bool
    logs: bool
    tolerated: frozenset[Kind] = frozenset()
    created: Mapping[str, datetime] = field(default_factory=dict)

    def is_later(self, claim: Claim, other: Claim) -> bool:
        """Tell whether a log is of a job that was created after another's, as far as that is known."""
        one, another = self.created.get(claim.job_id or ""), self.created.get(other.job_id or "")
        return one is not None and another is not None and one > another


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
    :param is_asked_for: whether a key is among those that are compared; of others, only what failed is
        judged, since nobody says in which form a failure log has keys. None: all are.
    :param own: buckets and keys of files of the comparison itself, which are no objects unless somebody says
        something of them.
    """

    rules: Rules
    look: Callable[[Sequence[StoredObject]], Sequence[StoredObject]] | None = None
    is_asked_for: Callable[[str], bool] | None = None
    own: frozenset[tuple[str, str]] = frozenset()
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
        asked_for = self.is_asked_for
        while pairs := list(islice(every, _AT_A_TIME)):
            closer = self._look_closer(pairs)
            for pair in pairs:
                is_outside = asked_for is not None and pair.stored is None and not asked_for(pair.key)
                if is_outside and _failure(pair, self.rules, None) is None:
                    continue
                if not pair.claims and self._is_own(pair.stored):
                    continue
                self.objects += 1
                difference = None if self._is_plain(pair) else _judge(pair, self.rules, closer)
                if difference is None:
                    self.alike += 1
                    self.bytes += pair.stored.size if pair.stored else 0
                    # Once, however many lines of the manifest have it.
                    if algorithms := {each.algorithm for claim in pair.claims for each in claim.checksums}:
                        self.checksums.update(algorithms)
                    continue
                self.counts[difference.kind] += 1
                yield difference

    def _is_own(self, stored: StoredObject | None) -> bool:
        return stored is not None and (stored.bucket, stored.key) in self.own

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
            if claim.checksums and pair.stored is not None and needs_a_look(claim, pair.stored)
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
    if len(left) < len(stored):
        raise UnreadableError(f"The listing of bucket {stored[0].bucket} has {stored[0].key!r} twice")
    for key in keys:
        own = [claim for claim in claims if claim.key == key]
        found = left.pop(key, None)
        yield _Pair(key, own, found, is_ambiguous=found is None and len(stored) > 0)
    for each in left.values():
        yield _Pair(each.key, (), each)


_Differs = Callable[[Kind, str], Difference]


def _judge(pair: _Pair, rules: Rules, closer: dict[tuple[str, str], StoredObject]) -> Difference | None:
    """
    Return the gravest difference of an object, None if it is as it should be.

    What is tolerated hides nothing that is not.
    """
    found = list(_differences(pair, rules, closer))
    return next((each for each in found if each.kind not in rules.tolerated), found[0] if found else None)


def _of_source(pair: _Pair, source: Source) -> list[Claim]:
    return [claim for claim in pair.claims if claim.source is source]


def _differs(pair: _Pair, kind: Kind, detail: str) -> Difference:
    bucket = pair.claims[0].bucket if pair.claims else pair.stored.bucket if pair.stored else ""
    if len(detail) > _LONGEST_DETAIL:
        detail = f"{detail[:_LONGEST_DETAIL]}…"
    return Difference(kind, bucket, pair.key, detail)


def _failure(pair: _Pair, rules: Rules, stored: StoredObject | None) -> Difference | None:
    """Return that an object failed in a job, and arrived neither with a later one nor by hand."""
    failed = _of_source(pair, Source.FAILURE_LOG)
    if not failed:
        return None
    failed = [claim for claim in failed if not _has_arrived(claim, pair, rules, stored)]
    if not failed:
        return None
    return _differs(pair, Kind.FAILED, "; ".join(map(_why, failed)))


def _why(failed: Claim) -> str:
    under = "" if failed.written is None else f", under a key that S3 cannot have: {failed.written!r}"
    return f"job {failed.job_id}: {failed.error}{under}"


def _has_arrived(failed: Claim, pair: _Pair, rules: Rules, stored: StoredObject | None) -> bool:
    """Tell whether what failed in a job is there all the same."""
    # Under a key that S3 cannot have, nothing is; an object of the key that was made of it is another.
    if failed.written is not None:
        return False
    if any(rules.is_later(each, failed) for each in _of_source(pair, Source.SUCCESS_LOG)):
        return True
    # Copied by hand, say. Its size alone tells nothing: an older one may have had the same.
    return stored is not None and has_what_it_should(_of_source(pair, Source.MANIFEST), stored)


def _differences(
    pair: _Pair, rules: Rules, closer: dict[tuple[str, str], StoredObject]
) -> Iterator[Difference]:
    """Yield what differs of an object, the gravest first."""
    stored = pair.stored and closer.get((pair.stored.bucket, pair.stored.key), pair.stored)
    if failure := _failure(pair, rules, stored):
        yield failure
        return
    manifest, success = _of_source(pair, Source.MANIFEST), _of_source(pair, Source.SUCCESS_LOG)
    # Each line is a file of the source, and one object is at most one of two that differ.
    if len(manifest) > 1 and not are_one_content(manifest):
        files = ", ".join(dict.fromkeys(repr(claim.written or claim.key) for claim in manifest))
        yield _differs(
            pair,
            Kind.MISSING,
            f"{len(manifest)} lines of the manifest have this key, and no checksum says that they are one "
            f"file: {files}",
        )
        return
    if stored is None:
        if pair.is_ambiguous:
            why = "others have this key in another case: which is meant is not known"
            yield _differs(pair, Kind.MISSING, why)
        elif success:
            yield _differs(pair, Kind.NOT_IN_BUCKET, f"in the success log of job {success[0].job_id}")
        else:
            yield _differs(pair, Kind.MISSING, f"expected with {_sizes(manifest)}")
        return
    yield from _of_size(pair, _those_that_say_its_size(pair, rules), stored)
    yield from _of_checksums(pair, manifest, stored)
    yield from _of_sources(pair, rules, manifest, success)


def _those_that_say_its_size(pair: _Pair, rules: Rules) -> list[Claim]:
    manifest, success = _of_source(pair, Source.MANIFEST), _of_source(pair, Source.SUCCESS_LOG)
    # A size that a failure log has is of the object that was to arrive, too.
    logs = [*success, *_of_source(pair, Source.FAILURE_LOG)]
    if not manifest:
        return logs
    # The manifest says which version is meant; what a job brought before the last one is an older one.
    return [*manifest, *(each for each in success if not any(rules.is_later(other, each) for other in logs))]


def _of_size(pair: _Pair, claims: Sequence[Claim], stored: StoredObject) -> Iterator[Difference]:
    if not claims:
        return
    sizes = {claim.size for claim in claims} - {None}
    if not sizes:
        yield _differs(pair, Kind.SIZE_UNKNOWN, f"nobody says its size; it has {stored.size} bytes")
    elif sizes != {stored.size}:
        yield _differs(pair, Kind.WRONG_SIZE, f"expected with {_sizes(claims)}; it has {stored.size}")


def _sizes(claims: Sequence[Claim]) -> str:
    said = dict.fromkeys(f"{claim.size} bytes ({claim.source})" for claim in claims if claim.size is not None)
    return " and ".join(said) or "no size"


def _of_checksums(pair: _Pair, claims: Sequence[Claim], stored: StoredObject) -> Iterator[Difference]:
    unknown = None
    for claim in claims:
        for checksum in claim.checksums:
            has = value_of(checksum.algorithm, stored)
            if has is None:
                unknown = unknown or _differs(
                    pair,
                    Kind.NOT_COMPARED,
                    f"its {checksum.algorithm} is not known to S3: its ETag is {stored.etag or 'missing'}",
                )
            elif has != checksum.value:
                yield _differs(
                    pair,
                    Kind.WRONG_CHECKSUM,
                    f"expected with {checksum.algorithm} {checksum.value}; it has {has}",
                )
                return
    if unknown is not None:
        yield unknown


def _of_sources(
    pair: _Pair, rules: Rules, manifest: Sequence[Claim], success: Sequence[Claim]
) -> Iterator[Difference]:
    if rules.manifest and not manifest:
        logged = f"in the success log of job {success[0].job_id}, not in the manifest" if success else None
        yield _differs(pair, Kind.EXTRA, logged or "nobody said that it would be there")
    elif rules.logs and not success:
        if manifest:
            yield _differs(pair, Kind.NOT_LOGGED, "in no success log: it may have been there before")
        else:
            yield _differs(pair, Kind.EXTRA, "in no success log")
