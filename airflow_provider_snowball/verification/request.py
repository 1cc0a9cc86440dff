"""What a verification of imports was asked for, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.validate import check_flag, check_job_ids, is_literal
from airflow_provider_snowball.verification.records import CHECKSUMS, ETAG, Claim

__all__ = ["COLUMNS", "FORMATS", "KEY_ENCODINGS", "TEMPLATED", "TOLERABLE", "VerificationRequest", "s3_parts"]

#: What a manifest may say of an object, by the names of its columns.
COLUMNS = ("bucket", "key", "size", ETAG, *CHECKSUMS)
#: A bucket's name, as botocore checks it; what else it takes (an ARN) has colons and slashes.
_BUCKET = re.compile(r"[a-zA-Z0-9.\-_]{1,255}")
#: What of a request is templated.
TEMPLATED = ("job_ids", "manifest", "prefixes", "report")
#: How manifests may be written.
FORMATS = ("csv", "jsonl")
#: How keys may be written in a file.
KEY_ENCODINGS = ("none", "url")
#: The differences (:class:`.comparison.Kind`) that may be let pass: none of them is a hole.
TOLERABLE = ("extra", "not_logged", "not_compared", "size_unknown")


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(e, str) for e in value)
    ):
        raise ArgumentError(
            f"{name} must be a list of texts; got the {type(value).__name__} {value!r} [SNB106]"
        )
    return tuple(value)


def _check_jobs(value: Any, name: str) -> tuple[str, ...]:
    job_ids = check_job_ids(value, name)
    if job_ids is None:
        raise ArgumentError(f"{name} must name the import jobs; got None [SNB103]")
    return tuple(dict.fromkeys(job_ids))


def s3_parts(place: str) -> tuple[str, str] | None:
    """Return bucket and key of a place in S3, None of a path."""
    scheme = "s3://"
    if not place.casefold().startswith(scheme):
        return None
    bucket, _, key = place[len(scheme) :].partition("/")
    return bucket, key


def _check_place(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ArgumentError(f"{name} must be a path or s3://bucket/key; got {value!r} [SNB106]")
    parts = s3_parts(value)
    if parts is None:
        if not Path(value).name:
            raise ArgumentError(f"{name} must be the path of a file; got {value!r} [SNB106]")
    elif not all(parts) or not _BUCKET.fullmatch(parts[0]):
        raise ArgumentError(f"{name} must have a bucket and a key, s3://bucket/key; got {value!r} [SNB106]")
    return value


def _check_prefixes(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ("",)
    prefixes = _texts(value, name)
    for each in prefixes:
        try:
            each.encode()
        except UnicodeEncodeError:
            raise ArgumentError(
                f"each of {name} must be a text that S3 takes; got {each!r} [SNB106]"
            ) from None
    if not prefixes:
        raise ArgumentError(
            f"{name} must name at least one prefix; leave it out (None) for whole buckets [SNB106]"
        )
    return _none_within_another(prefixes)


def _none_within_another(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Return prefixes in the order in which S3 lists them, without those that would be listed twice."""
    every = set(prefixes)
    return tuple(
        each
        for each in sorted(every, key=str.encode)
        if not any(each != other and each.startswith(other) for other in every)
    )


def _before_case(prefix: str) -> str:
    """Return the beginning of a prefix that is the same in any case: what has no letters, in ASCII."""
    return "".join(takewhile(lambda each: each.isascii() and not each.isalpha(), prefix))


def _check_mapping(value: Any, name: str) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping) or not all(
        isinstance(each, str) for pair in value.items() for each in pair
    ):
        raise ArgumentError(f"{name} must map beginnings of keys to others; got {value!r} [SNB106]")
    return tuple(sorted(value.items(), key=lambda pair: -len(pair[0])))


def _check_columns(value: Any, name: str) -> dict[str, str | None]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(title, str) for title in value):
        raise ArgumentError(f"{name} must map names of columns to ours; got {value!r} [SNB106]")
    for ours in value.values():
        if ours is not None and ours not in COLUMNS:
            raise ArgumentError(
                f"{name} must map each column to one of {', '.join(COLUMNS)}, or to None; got {ours!r}"
                " [SNB106]"
            )
    return dict(value)


def _check_tolerated(value: Any, name: str) -> frozenset[str]:
    tolerated = _texts(value, name)
    if unknown := [each for each in tolerated if each not in TOLERABLE]:
        raise ArgumentError(
            f"{name} takes {', '.join(TOLERABLE)}; got {', '.join(map(repr, unknown))} [SNB106]"
        )
    return frozenset(map(str, tolerated))


def _one_of(*names: str) -> Callable[[Any, str], str]:
    def check(value: Any, name: str) -> str:
        if value not in names:
            raise ArgumentError(f"{name} must be one of {', '.join(names)}; got {value!r} [SNB106]")
        return str(value)

    return check


def _check_format(value: Any, name: str) -> str | None:
    return None if value is None else _one_of(*FORMATS)(value, name)


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    "job_ids": _check_jobs,
    "manifest": _check_place,
    "manifest_format": _check_format,
    "manifest_columns": _check_columns,
    "manifest_key_encoding": _one_of(*KEY_ENCODINGS),
    "log_key_encoding": _one_of(*KEY_ENCODINGS),
    "key_mapping": _check_mapping,
    "ignore_case": check_flag,
    "prefixes": _check_prefixes,
    "use_logs": check_flag,
    "tolerate": _check_tolerated,
    "report": _check_place,
    "request_payer": check_flag,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class VerificationRequest:
    """
    What a verification was asked for; the names are those of the operator's parameters.

    :param prefixes: in the order in which S3 lists them, none within another; one empty text for all.
    :param key_mapping: pairs of beginnings of keys, the longest first.
    """

    job_ids: tuple[str, ...]
    manifest: str | None
    manifest_format: str | None
    manifest_columns: Mapping[str, str | None]
    manifest_key_encoding: str
    log_key_encoding: str
    key_mapping: tuple[tuple[str, str], ...]
    ignore_case: bool
    prefixes: tuple[str, ...]
    use_logs: bool
    tolerate: frozenset[str]
    report: str | None
    request_payer: bool

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> VerificationRequest:
        """
        Return what the operator's arguments ask for.

        :raises ValueError: if one of them, or their combination, makes no sense.
        """
        checked = {name: check(arguments[name], name) for name, check in _CHECKS.items()}
        _check_together(checked)
        return cls(**checked)

    @staticmethod
    def check_literals(arguments: Mapping[str, Any]) -> None:
        """
        Check what is known when a DAG is parsed.

        :raises ValueError: as :meth:`read`.
        """
        known = {
            name: check(arguments[name], name)
            for name, check in _CHECKS.items()
            if name not in TEMPLATED or is_literal(arguments[name])
        }
        _check_together(known)

    @property
    def form(self) -> str:
        """The format of the manifest: as given, else by its name."""
        return self.manifest_format or _format_of(self.manifest or "") or ""

    def mapped(self, key: str) -> str:
        """Return the key in S3 of a key of the manifest."""
        for beginning, other in self.key_mapping:
            if key.startswith(beginning):
                return other + key[len(beginning) :]
        return key

    def placed(self, claim: Claim) -> Claim:
        """Return what a manifest says, under the key in S3."""
        key = self.mapped(claim.key)
        return claim if key == claim.key else claim._replace(key=key, written=claim.written or claim.key)

    @property
    def listed_prefixes(self) -> tuple[str, ...]:
        """What is listed, so that nothing is left out that is asked for."""
        if not self.ignore_case:
            return self.prefixes
        return _none_within_another(map(_before_case, self.prefixes))

    def is_asked_for(self, key: str) -> bool:
        """Tell whether a key is among those that are compared."""
        if self.ignore_case:
            return key.casefold().startswith(tuple(map(str.casefold, self.prefixes)))
        return key.startswith(self.prefixes)


def _check_together(checked: Mapping[str, Any]) -> None:
    if checked["use_logs"] is False and checked.get("manifest", "?") is None:
        raise ArgumentError(
            "There is nothing to compare the bucket with: give a manifest, or leave use_logs on [SNB107]"
        )
    manifest = checked.get("manifest")
    if manifest and checked["manifest_format"] is None and _format_of(manifest) is None:
        raise ArgumentError(
            f"manifest_format must be given ({', '.join(FORMATS)}), as the name of the manifest does not "
            f"tell it: {manifest!r} [SNB107]"
        )


def _format_of(name: str) -> str | None:
    ending = name.casefold().removesuffix(".gz").rpartition(".")[2]
    return {"csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}.get(ending)
