"""VerifyImportOperator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_snowball.aws import AWS_TEMPLATE_FIELDS, AwsParameters, passed_on
from airflow_provider_snowball.exceptions import SnowballVerificationError
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink
from airflow_provider_snowball.verification.request import TEMPLATED, VerificationRequest

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

__all__ = ["VerifyImportOperator"]

#: Of the objects that differ, as many are named in the exception.
_NAMED = 5
#: The parameters of its own.
_OWN = tuple(VerificationRequest.__dataclass_fields__)


class VerifyImportOperator(AwsParameters):
    """
    Compare what imports should have brought to S3 with what is there, object by object; fail if it differs.

    What should be there is what a manifest says, or the success logs of the jobs, or both. The buckets are
    those of the jobs' own resources. Each object counts once, as alike or by the gravest of its differences:
    ``failed``, ``missing``, ``not_in_bucket``, ``wrong_size``, ``wrong_checksum``, ``size_unknown``,
    ``not_compared``, ``not_logged``, ``extra``
    (:class:`~airflow_provider_snowball.verification.comparison.Kind`). Whatever cannot be read to its end, or
    is not understood, fails the task: it is never taken for "nothing differs".

    Returns a summary, which is also the XCom ``verification`` if the task fails: ``verified``, ``objects``,
    ``alike``, ``bytes``, ``checksums`` (compared, by algorithm), ``differences`` (counts by kind), ``read``
    (counts by source, and of what is outside the prefixes), ``first`` (the first objects that differ, what is
    tolerated behind what is not), ``job_ids``, ``buckets``, ``tolerated``, ``report``.

    The AWS parameters are those of :class:`~airflow_provider_snowball.aws.AwsParameters`; S3 is asked by the
    same connection.

    :param job_ids: the import jobs, all of them Complete (templated).
    :param manifest: a path on the worker, or ``s3://bucket/key``, of a file with ``key``, ``size`` in bytes
        and optionally ``bucket`` and checksums (``md5``, ``sha256``, ``sha1``, ``crc32``, ``crc32c``,
        ``crc64nvme``, ``etag``) of each object (templated). None: the success logs alone say what should
        be there.
    :param manifest_format: ``csv`` or ``jsonl``; default: by the name of the manifest, of which ``.gz`` is
        unpacked.
    :param manifest_columns: what columns by other names are: ``{"path": "key", "mtime": None}``, None for one
        that nobody wants. A column that is not known fails the task.
    :param manifest_key_encoding: ``url`` if its keys are percent-encoded.
    :param log_key_encoding: the same for the logs.
    :param key_mapping: what the beginnings of the manifest's keys are in S3: ``{"/mnt/data/": "data/"}``.
    :param ignore_case: take keys for the same that differ in case only.
    :param prefixes: compare only objects under these (templated); a task for each is a task that can be
        retried by itself. None for all.
    :param use_logs: whether the success and failure logs of the jobs are read.
    :param tolerate: differences that do not fail the task: ``extra`` (the bucket has other objects, too),
        ``not_logged`` (in manifest and bucket, and in no log), ``not_compared`` (there is no checksum to
        compare with, as for an object that was uploaded in parts), ``size_unknown`` (nobody says its size).
    :param report: where all differences are written as CSV: a path on the worker, or ``s3://bucket/key``
        (templated).
    :param request_payer: whether the requester pays for requests to the buckets.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed if it is literal.
    :raises SnowballVerificationError: if anything differs, or a job is no import that is Complete.
    :raises SnowballFileError: if a log or the manifest cannot be read, or the report cannot be written;
        ``retries`` apply.
    :raises SnowballPermanentError: if a rendered argument has the wrong form, access is denied, or what is
        asked for does not exist.
    :raises SnowballAnswerError: if an answer is not whole; ``retries`` apply.
    :raises botocore.exceptions.ClientError: for other errors, as the API answers; ``retries`` apply.

    .. seealso:: https://docs.aws.amazon.com/snowball/latest/developer-guide/importtype.html
    """

    template_fields: Sequence[str] = (*TEMPLATED, *AWS_TEMPLATE_FIELDS)
    ui_color = "#e0f2e9"

    def __init__(
        self,
        *,
        job_ids: Sequence[str] | str | XComArg,
        manifest: str | XComArg | None = None,
        manifest_format: str | None = None,
        manifest_columns: Mapping[str, str | None] | None = None,
        manifest_key_encoding: str = "none",
        log_key_encoding: str = "none",
        key_mapping: Mapping[str, str] | None = None,
        ignore_case: bool = False,
        prefixes: Sequence[str] | str | XComArg | None = None,
        use_logs: bool = True,
        tolerate: Sequence[str] = (),
        report: str | XComArg | None = None,
        request_payer: bool = False,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = passed_on(locals())
        own = {name: arguments.pop(name) for name in _OWN}
        super().__init__(**arguments)
        for name, value in own.items():
            setattr(self, name, value)
        self._check_in_dag_file()

    def _check_given(self) -> None:
        VerificationRequest.check_literals({name: getattr(self, name) for name in _OWN})

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare, and return the summary."""
        from airflow_provider_snowball.hooks.errors import permanent_as_such
        from airflow_provider_snowball.hooks.import_verifier import ImportVerifier
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        request = permanent_as_such(
            lambda: VerificationRequest.read({name: getattr(self, name) for name in _OWN})
        )
        hook = permanent_as_such(lambda: SnowballHook.of(**self.aws_parameters))
        SnowFamilyConsoleLink().follow(context, hook.find_region, hook.when_local)

        def publish(summary: dict[str, Any]) -> None:
            context["ti"].xcom_push("verification", summary)

        summary = permanent_as_such(
            lambda: ImportVerifier(hook, request, self.log.info).verify(publish), hook.where
        )
        text = _describe(summary)
        if not summary["verified"]:
            raise SnowballVerificationError(f"{text} [SNB504]")
        self.log.info("%s", text)
        return summary


def _describe(summary: Mapping[str, Any]) -> str:
    counts = {kind: count for kind, count in summary["differences"].items() if count}
    compared = (
        f"{summary['alike']} of {summary['objects']} objects, {summary['bytes']} bytes, are as they should be"
    )
    where = f"in {', '.join(summary['buckets'])}"
    if outside := summary["read"].get("outside the prefixes"):
        where += f" ({outside} entries outside the prefixes were not compared)"
    if not counts:
        return f"{compared} {where}" + ("" if summary["verified"] else ": nothing was compared")
    words = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    named = [f"{each['kind']} {_shown(each)} ({each['detail']})" for each in summary["first"]]
    more = f"; all of them in {summary['report']}" if summary["report"] else ""
    if not summary["verified"] and counts.keys() <= set(summary["tolerated"]):
        more += "; all that differs is tolerated, and nothing was left that is alike: nothing was verified"
    return f"{compared} {where}; {words}: {'; '.join(named[:_NAMED])}{more}"


def _shown(each: Mapping[str, Any]) -> str:
    place = f"s3://{each['bucket']}/{each['key']}"
    return place if place.isprintable() else repr(place)
