"""What is said of an object: by a manifest, by a job's logs, and by the bucket."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "CHECKSUMS",
    "ETAG",
    "LONGEST_KEY",
    "Checksum",
    "Claim",
    "Source",
    "StoredObject",
    "UnreadableError",
]

#: The algorithms that S3 keeps a checksum by, and the lengths of their values in bytes. An MD5 is in an ETag
#: only, and not in each.
CHECKSUMS = {"md5": 16, "sha256": 32, "sha1": 20, "crc32": 4, "crc32c": 4, "crc64nvme": 8}
#: Bytes of a key, in UTF-8.
LONGEST_KEY = 1024
#: What a checksum is called that is compared with an object's ETag as it stands.
ETAG = "etag"


class UnreadableError(Exception):
    """What is to be compared cannot be read, or not to its end; the text says what, where and why."""


class Source(StrEnum):
    """Who says something of an object."""

    MANIFEST = "manifest"
    SUCCESS_LOG = "success log"
    FAILURE_LOG = "failure log"


class Checksum(NamedTuple):
    """
    A checksum of a whole object.

    :param algorithm: one of :data:`CHECKSUMS`, or :data:`ETAG`.
    :param value: in lower-case hexadecimal.
    """

    algorithm: str
    value: str


# Tuples, since there are millions of them, and a frozen dataclass takes longer to make.
class Claim(NamedTuple):
    """
    What one source says of an object.

    :param size: in bytes; None if the source does not say.
    :param job_id: whose log it is; None in a manifest.
    :param error: why it failed, in the words of a failure log.
    :param written: the key as its source has it, where that is another: in a manifest, and in a failure log
        where S3 can have no such key.
    """

    source: Source
    bucket: str
    key: str
    size: int | None
    checksums: tuple[Checksum, ...] = ()
    job_id: str | None = None
    error: str | None = None
    written: str | None = None


class StoredObject(NamedTuple):
    """
    An object of a bucket, as its listing has it.

    :param etag: without its quotes.
    :param checksums: of the whole object, where they have been asked for.
    :param is_etag_opaque: whether it is encrypted so that its ETag is no MD5 (KMS).
    """

    bucket: str
    key: str
    size: int
    etag: str = ""
    checksums: tuple[Checksum, ...] = ()
    is_etag_opaque: bool = False
