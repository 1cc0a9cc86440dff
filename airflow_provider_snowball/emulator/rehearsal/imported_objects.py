"""
What an import brings: its objects lie in moto's S3 once the job is Complete, but for those that failed.

A small object has content, and the MD5 of it as its ETag. A larger one has its size alone, and the ETag of an
object that was uploaded in parts, which is no MD5, as on AWS.
"""

from __future__ import annotations

import hashlib
import logging
import random

from ..api.states import JobState, JobType
from .device_contents import DeviceObject, contents_of
from .transition_queue import Transition

__all__ = ["bring"]

log = logging.getLogger(__name__)

#: Bytes up to which an object has content.
_SMALL = 64 * 2**10
_PART = 8 * 2**20


def bring(transition: Transition, account_id: str, region_name: str) -> None:
    """Put what an import that is now complete has imported into its buckets; what fails is logged."""
    job = transition.job
    if job.job_type is not JobType.IMPORT or transition.state != JobState.COMPLETE:
        return
    # S3 is wanted by those who import only.
    from moto.s3.models import s3_backends
    from moto.utilities.utils import get_partition

    s3 = s3_backends[account_id][get_partition(region_name)]
    failed = set()
    for each in contents_of(job).succeeded:
        if each.bucket in failed:
            continue
        try:
            content = _content(each)
            key = s3.put_object(each.bucket, each.key, content, etag=None if content else _etag(each))
            key.contentsize = each.size
        except Exception as error:
            log.warning("%s cannot import into bucket %s: %s", job.job_id, each.bucket, error)
            failed.add(each.bucket)


def _content(each: DeviceObject) -> bytes:
    if each.size > _SMALL:
        return b""
    return random.Random(f"{each.key} {each.size}").randbytes(each.size)  # noqa: S311 - something to compare


def _etag(each: DeviceObject) -> str | None:
    if not each.size:
        return None
    digest = hashlib.md5(f"{each.key} {each.size}".encode(), usedforsecurity=False).hexdigest()
    return f"{digest}-{-(-each.size // _PART)}"
