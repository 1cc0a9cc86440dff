"""What an import is compared with: the objects of a bucket, and files that lie in one."""

from __future__ import annotations

import base64
import gzip
import shutil
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast

from botocore.exceptions import ClientError

from airflow_provider_snowball.exceptions import SnowballAnswerError, SnowballFileError
from airflow_provider_snowball.hooks.job_files import LONGEST_LINE
from airflow_provider_snowball.verification.records import CHECKSUMS, Checksum, StoredObject
from airflow_provider_snowball.verification.request import s3_parts

__all__ = ["HEADS", "Bucket", "lines_of_file", "write_file"]

#: HeadObject requests at a time.
HEADS = 16


class Bucket:
    """
    Reads a bucket.

    :param client: of S3.
    :param request_payer: whether the requester pays, not the bucket's owner.
    """

    def __init__(self, client: Any, *, request_payer: bool = False) -> None:
        self._client = client
        self._more: Mapping[str, str] = {"RequestPayer": "requester"} if request_payer else {}

    def objects(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """
        Yield the current versions of the objects under a prefix, in the order of their keys' UTF-8 bytes.

        :raises SnowballAnswerError: if a page is not whole, so that a part is never taken for the whole.
        :raises botocore.exceptions.ClientError: as the API answers: no such bucket, access denied.

        .. seealso:: :external+boto3:py:meth:`S3.Client.list_objects_v2`
        """
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, **self._more
        )
        for page in _read(pages, f"s3://{bucket}/{prefix}"):
            # An answer without a body is a page without members to botocore, and so the last one.
            listed = page.get("Contents") or []
            if "IsTruncated" not in page or page.get("KeyCount", len(listed)) != len(listed):
                raise SnowballAnswerError(
                    f"The listing of bucket {bucket} does not count, since a page of it is not whole [SNB301]"
                )
            if page["IsTruncated"] and not page.get("NextContinuationToken"):
                # botocore's paginator takes it for the last one.
                raise SnowballAnswerError(
                    f"The listing of bucket {bucket} does not count, since a page says that more follows, "
                    "and not where [SNB301]"
                )
            for each in listed:
                if not {"Key", "Size"} <= each.keys():
                    raise SnowballAnswerError(
                        f"The listing of bucket {bucket} does not count, since an object has no key or size"
                        " [SNB301]"
                    )
                yield StoredObject(bucket, each["Key"], each["Size"], each.get("ETag", "").strip('"').lower())

    def look(self, objects: Sequence[StoredObject]) -> list[StoredObject]:
        """
        Return objects with the checksums that S3 keeps of them, and as they are now.

        :raises SnowballFileError: if one of them is gone.
        :raises botocore.exceptions.ClientError: as the API answers.

        .. seealso:: :external+boto3:py:meth:`S3.Client.head_object`
        """
        with ThreadPoolExecutor(HEADS, thread_name_prefix="snowball-heads") as pool:
            return list(pool.map(self._look, objects))

    def _look(self, stored: StoredObject) -> StoredObject:
        with _about(f"s3://{stored.bucket}/{stored.key}"):
            found = self._client.head_object(
                Bucket=stored.bucket, Key=stored.key, ChecksumMode="ENABLED", **self._more
            )
        if "ContentLength" not in found:
            raise SnowballAnswerError(
                f"The answer about s3://{stored.bucket}/{stored.key} does not count, since it has no length"
                " [SNB301]"
            )
        encrypted_by = found.get("ServerSideEncryption", "")
        return StoredObject(
            stored.bucket,
            stored.key,
            found["ContentLength"],
            found.get("ETag", "").strip('"').lower(),
            tuple(_checksums_of(found)),
            encrypted_by.startswith("aws:kms"),
        )

    def fetch(self, bucket: str, key: str) -> IO[bytes]:
        """
        Return an object's content as a file, which is gone once it is closed.

        :raises SnowballFileError: if there is no such object.
        :raises botocore.exceptions.ClientError: as the API answers.

        .. seealso:: :external+boto3:py:meth:`S3.Client.download_fileobj`
        """
        file = cast("IO[bytes]", TemporaryFile(prefix="snowball-manifest-"))  # noqa: SIM115 - the caller closes it
        try:
            with _about(f"s3://{bucket}/{key}"):
                self._client.download_fileobj(bucket, key, file, ExtraArgs=dict(self._more))
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def put(self, bucket: str, key: str, file: IO[bytes]) -> None:
        """
        Write an object.

        :raises botocore.exceptions.ClientError: as the API answers.

        .. seealso:: :external+boto3:py:meth:`S3.Client.upload_fileobj`
        """
        with _about(f"s3://{bucket}/{key}"):
            self._client.upload_fileobj(
                file, bucket, key, ExtraArgs={"ContentType": "text/csv; charset=utf-8", **self._more}
            )


@contextmanager
def _about(place: str) -> Iterator[None]:
    """Have S3's errors name the place, and a HeadObject's, which is a number only, say what it means."""
    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        code, message = said.get("Code", ""), said.get("Message", "")
        # Of any other operation, a number is not S3's word, but a proxy's, say.
        if error.operation_name == "HeadObject":
            code = {"403": "AccessDenied", "404": "NoSuchKey"}.get(code, code)
            if code == "400":
                message += (
                    ", for an object under a customer's own key, or for a session token that has expired"
                )
        if code == "NoSuchKey":
            raise SnowballFileError(f"There is no object {place} [SNB507]") from None
        named: Any = {"Code": code, "Message": f"{message} ({place})"}
        raise ClientError({**error.response, "Error": named}, error.operation_name) from None


def _read(pages: Iterator[Any], place: str) -> Iterator[Any]:
    with _about(place):
        yield from pages


def _checksums_of(found: Mapping[str, Any]) -> Iterator[Checksum]:
    # One of the parts' checksums is none of the object.
    if found.get("ChecksumType") == "COMPOSITE":
        return
    for algorithm in CHECKSUMS:
        text = found.get(f"Checksum{algorithm.upper()}", "")
        if text and "-" not in text:
            yield Checksum(algorithm, base64.b64decode(text).hex())


def lines_of_file(place: str, bucket: Bucket, what: str) -> Iterator[bytes]:
    """
    Yield the lines of a file, with their ends; of one that ends in ``.gz``, what is packed in it.

    :param place: a path, or ``s3://bucket/key``.
    :raises SnowballFileError: if it cannot be read to its end.
    :raises botocore.exceptions.ClientError: as S3 answers.
    """
    parts = s3_parts(place)
    try:
        with Path(place).open("rb") if parts is None else bucket.fetch(*parts) as file:
            packed = place.casefold().endswith(".gz")
            yield from _lines_of(cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file, what)
    except (OSError, EOFError, zlib.error) as error:
        raise SnowballFileError(f"Cannot read {what}: {type(error).__name__}: {error} [SNB507]") from None


def _lines_of(file: IO[bytes], what: str) -> Iterator[bytes]:
    for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE), b""), 1):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise SnowballFileError(
                f"Cannot read {what}: line {number} has more than {LONGEST_LINE} bytes [SNB507]"
            )
        yield line


def write_file(place: str, bucket: Bucket, file: IO[bytes]) -> None:
    """
    Write a file to a path, or to ``s3://bucket/key``; it is there whole, or not at all.

    :raises SnowballFileError: if it cannot be written.
    :raises botocore.exceptions.ClientError: as S3 answers.
    """
    if (parts := s3_parts(place)) is not None:
        bucket.put(*parts, file)
        return
    target = Path(place)
    # A name of its own: mapped tasks may write at once.
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as out:
            shutil.copyfileobj(file, out)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SnowballFileError(
            f"Cannot write the report {place}: {type(error).__name__}: {error} [SNB508]"
        ) from None
