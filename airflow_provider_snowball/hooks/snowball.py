"""The only module that talks to boto3."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

import botocore.exceptions as bc
import botocore.session
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from botocore.config import Config

from airflow_provider_snowball.compat import AirflowNotFoundException, mask_secret
from airflow_provider_snowball.exceptions import (
    SnowballAnswerError,
    SnowballConnectionError,
    SnowballFileError,
)
from airflow_provider_snowball.hooks.audit import account_of, audited
from airflow_provider_snowball.hooks.bucket import HEADS
from airflow_provider_snowball.hooks.connection_form import (
    CONN_TYPE,
    EXTRA_FIELDS,
    HOOK_NAME,
    field_behaviour,
)
from airflow_provider_snowball.hooks.connection_settings import (
    check_region,
    check_stored_extra,
    config_of,
    read_connection,
    verify_of,
)
from airflow_provider_snowball.hooks.connection_test import ask_for_a_cluster, identity_of
from airflow_provider_snowball.hooks.errors import classify
from airflow_provider_snowball.hooks.job_files import bytes_of, keep, lines_of, open_link, text_of, understood
from airflow_provider_snowball.hooks.redaction import bounded, redact, redacted
from airflow_provider_snowball.hooks.whole_answers import take_whole_answers_only, unreadable_as_broken
from airflow_provider_snowball.lifecycle import ArgumentError, JobListEntry, has_ended, is_main
from airflow_provider_snowball.validate import (
    check_cluster_id,
    check_job_id,
    check_page_size,
    check_shipping_option,
)
from airflow_provider_snowball.verification.job_log import NO_UTF8, key_decoder, read_log
from airflow_provider_snowball.verification.records import Claim, Source
from airflow_provider_snowball.verification.tables import decoded
from airflow_provider_snowball.waiting.calls import (
    Call,
    DescribeCluster,
    DescribeJob,
    ErrorKind,
    ListClusterJobs,
    ListJobs,
)

if TYPE_CHECKING:
    from botocore.paginate import Paginator
    from types_boto3_snowball.client import SnowballClient  # noqa: F401  named in the base class below
    from types_boto3_snowball.type_defs import (
        ClusterListEntryTypeDef,
        ClusterMetadataTypeDef,
        DescribeJobResultTypeDef,
    )

__all__ = ["JobListEntry", "SnowballHook", "make_call"]

#: How often a listing is begun again when its pages shift under it, before that counts as an error.
MAX_RESTARTS = 3
#: The most pages of one listing: an answer may name ever new ones.
MAX_PAGES = 10_000
#: Seconds after which a listing that is not at its end has failed.
MAX_LISTING_SECONDS = 300.0
#: Seconds to wait for a connection and for each answer, where connection and caller set none.
DEFAULT_TIMEOUTS = Config(connect_timeout=15, read_timeout=15)
#: The same for STS, which a client asks for a role before its first request: a wait's end waits for that.
_OF_STS = Config(connect_timeout=5, read_timeout=5)
_RETRIES_OF_STS = {"mode": "standard", "total_max_attempts": 2}
#: For S3, a connection for each request that is made at a time, where nobody set how many.
_OF_S3 = Config(max_pool_connections=HEADS)
#: Used where connection, caller, environment and profile set no retries of their own.
DEFAULT_RETRIES = {"mode": "standard", "total_max_attempts": 5}
#: The same for a client that many waits share: adaptive mode slows all of them once one is throttled.
SHARED_RETRIES = {"mode": "adaptive", "total_max_attempts": 5}

#: What the emulator says with each answer.
LOCAL_HEADER = "x-snowball-local"
#: The keys of ``JobLogs`` with the links to a job's logs.
_LOGS = {"success": "JobSuccessLogURI", "failure": "JobFailureLogURI"}


class SnowballHook(AwsGenericHook["SnowballClient"]):
    """
    Read AWS Snowball's clusters and jobs, cancel them, and get what opens a device.

    Takes the parameters of
    :class:`~airflow.providers.amazon.aws.hooks.base_aws.AwsGenericHook`; ``client_type`` is set.

    Connections of type ``snowball`` and ``aws`` do alike; any other type raises
    :class:`~airflow_provider_snowball.exceptions.SnowballConnectionError`. So does half an access key.
    A connection id other than None and ``aws_default`` that cannot be found raises it, too: the base
    class would go on with whatever credentials the machine has. For ``aws_default`` its habit, with its
    warning, stays.

    Methods raise :class:`botocore.exceptions.ClientError` as it comes;
    :func:`~airflow_provider_snowball.hooks.errors.classify` tells what it means.

    .. seealso:: :external+boto3:py:class:`Snowball.Client`
    """

    conn_type = CONN_TYPE
    hook_name = HOOK_NAME
    #: The retries of a client for which nobody set any.
    default_retries: Mapping[str, Any] = DEFAULT_RETRIES

    def __init__(
        self,
        aws_conn_id: str | None = AwsGenericHook.default_conn_name,
        verify: bool | str | None = None,
        region_name: str | None = None,
        *,
        config: Config | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["client_type"] = "snowball"
        super().__init__(
            # An empty text is what an optional template rendered to.
            aws_conn_id or None,
            verify=verify_of(verify, "the task"),
            region_name=check_region(region_name, "the task"),
            config=config_of(config, "botocore_config of the task"),
            **kwargs,
        )

    @classmethod
    def of(cls, *, botocore_config: Mapping[str, Any] | None, **parameters: Any) -> SnowballHook:
        """Build a hook from the four AWS parameters of a sensor, an operator or a trigger."""
        return cls(config=botocore_config, **parameters)

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """
        Return an Airflow connection.

        :raises SnowballConnectionError: if it cannot be found and is not the default one.
        """
        try:
            return super().get_connection(conn_id)
        except AirflowNotFoundException as error:
            variable = f"AIRFLOW_CONN_{conn_id.upper()}"
            if stored := os.environ.get(variable):
                check_stored_extra(stored, f"Airflow connection {conn_id!r}")
                raise SnowballConnectionError(
                    f"Airflow connection {conn_id!r} cannot be read from the environment's {variable}: "
                    "it is neither JSON nor a URI whose special characters, such as a / in the secret, are "
                    "percent-encoded. No other credentials are tried in its place [SNB202]"
                ) from None
            if conn_id == cls.default_conn_name:
                raise
            raise SnowballConnectionError(_missing(conn_id)) from error

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return what the connection form relabels and hides; Airflow 3.2 and later read the metadata."""
        return field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields that the connection form adds; Airflow 3.2 and later read the metadata."""
        from flask_appbuilder.fieldwidgets import (  # type: ignore[import-not-found]  # older lines bring both
            BS3TextFieldWidget,
        )
        from wtforms import StringField  # type: ignore[import-untyped]  # has none

        return {
            field.key: StringField(field.label, description=field.description, widget=BS3TextFieldWidget())
            for field in EXTRA_FIELDS
        }

    @classmethod
    def _get_provider_version(cls) -> str:
        # The base class looks up the amazon provider's by conn_type, to tell AWS (no issue filed).
        return str(AwsGenericHook._get_provider_version())

    @staticmethod
    def _find_operator_class_name(target_function_name: str) -> str | None:
        # The base class has Python find the sources of the whole stack for this: a seventh of what a worker's
        # poll costs (docs/upstream).
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_name != target_function_name:
            frame = frame.f_back
        return None if frame is None else type(frame.f_locals["self"]).__name__

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """
        Look the connection up, and return what the amazon provider makes of it.

        :raises SnowballConnectionError: if it cannot be found, or is none for AWS.
        """
        found = None
        if self.aws_conn_id:
            try:
                found = read_connection(self.get_connection(self.aws_conn_id))
            except AirflowNotFoundException:
                self.log.warning(
                    "Airflow connection %r cannot be found: going on with what boto3 finds", self.aws_conn_id
                )
        config = self._config
        if found is not None and found.botocore_config is not None and config is not None:
            # The amazon provider would drop the connection's proxy and FIPS for a task that sets a timeout.
            config = found.botocore_config.merge(config)
        return AwsConnectionWrapper(
            conn=found, region_name=self._region_name, botocore_config=config, verify=self._verify
        )

    @property
    def has_connection(self) -> bool:
        """
        Whether requests are by an Airflow connection, and not by what boto3 finds.

        :raises SnowballConnectionError: if it cannot be found, or is none for AWS.
        """
        return bool(self.conn_config)

    def missing_connection(self) -> str:
        """Say that the connection is not there."""
        return _missing(self.aws_conn_id)

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:
        """Return a session as the base class does; STS is asked for a role with little patience."""
        hasty = copy.copy(self)
        # The session itself has no use for it.
        config = self._completed(self.config, _OF_STS, _RETRIES_OF_STS)
        hasty.conn_config = AwsConnectionWrapper(
            conn=self.conn_config, botocore_config=config, verify=self.verify
        )
        return AwsGenericHook.get_session(hasty, region_name, deferrable)

    def get_client_type(
        self, region_name: str | None = None, config: Config | None = None, deferrable: bool = False
    ) -> Any:
        """
        Build a client as the base class does, with retries of ours where nobody set any.

        :raises SnowballConnectionError: if an address among the settings is none.
        """
        config = self._completed(config or self.config, DEFAULT_TIMEOUTS, self.default_retries)
        try:
            client = super().get_client_type(region_name=region_name, config=config, deferrable=deferrable)
        except ValueError as error:
            if isinstance(error, bc.BotoCoreError):
                raise
            # Some loggers show what was raised "from None", too.
            redact(error)
            raise SnowballConnectionError(
                f"No client can be made of Airflow connection {self.aws_conn_id!r}: {redacted(str(error))}"
                " [SNB208]"
            ) from None
        take_whole_answers_only(client)
        return client

    def _completed(self, config: Config, timeouts: Config, retries: Mapping[str, Any]) -> Config:
        """Return a configuration with timeouts and retries of ours where nobody set any."""
        # What is set in it goes before what it is merged into.
        config = timeouts.merge(config)
        if config.retries is None and not self._retries_are_set_outside():  # type: ignore[attr-defined]  # made of options
            config = config.merge(Config(retries=retries))  # type: ignore[arg-type]  # a TypedDict there
        return config

    def _retries_are_set_outside(self) -> bool:
        if os.environ.get("AWS_MAX_ATTEMPTS") or os.environ.get("AWS_RETRY_MODE"):
            return True
        session = botocore.session.Session(profile=self.conn_config.profile_name)
        return not {"retry_mode", "max_attempts"}.isdisjoint(session.get_scoped_config())

    def find_region(self) -> str | None:
        """
        Return the region that requests go to, without making any: a client may ask STS for a role first.

        :raises SnowballConnectionError: if the connection cannot be found, or is none for AWS.
        """
        # As botocore has it: a region in the configuration goes before the session's.
        set_there = getattr(self.config, "region_name", None)
        session = botocore.session.Session(profile=self.conn_config.profile_name)
        return set_there or self.region_name or session.get_config_variable("region")

    def where(self) -> str:
        """Say where requests go, and whose they are: ``region us-east-1, Airflow connection 'snow'``."""
        try:
            region = self.find_region()
        except Exception:
            region = None
        whose = f"Airflow connection {self.aws_conn_id!r}" if self.aws_conn_id else "no Airflow connection"
        return f"region {region}, {whose}" if region else whose

    def test_connection(self) -> tuple[bool, str]:
        """
        Ask Snowball for a cluster, as the Test button of Airflow's connection form does.

        Never raises. The text has the region, the identity as far as AWS tells, and what failed.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_clusters`
        """
        return ask_for_a_cluster(self)

    def connection_fingerprint(self) -> str:
        """
        Look the connection up, and return a digest that is another one once the connection was edited.

        :raises SnowballConnectionError: if it cannot be found.
        """
        found = self.conn_config
        parts = [found.conn_type, found.login, found.password, found.extra_config, found.region_name]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def before_each_request(self, function: Callable[..., None]) -> None:
        """Have ``function`` called in the calling thread before each request, retries and pages included."""
        self.conn.meta.events.register("before-send.snowball", function)

    def when_local(self, function: Callable[[str], None]) -> None:
        """
        Have ``function`` called when a local Snowball first answers, with the address of its listing of jobs.

        :raises SnowballConnectionError: as for any call.
        """
        events, endpoint = self.conn.meta.events, self.conn.meta.endpoint_url

        def look(parsed: Mapping[str, Any], **_: Any) -> None:
            if LOCAL_HEADER in parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {}):
                events.unregister("after-call.snowball", look)
                function(_local_listing(endpoint))

        events.register("after-call.snowball", look)

    def s3_client(self) -> Any:
        """
        Return a client of S3, by the same connection and with the same settings.

        :raises SnowballConnectionError: if the connection cannot be found, or is none for AWS.
        """
        of_s3 = copy.copy(self)
        of_s3.client_type = "s3"
        # What is set in it goes before what it is merged into.
        return of_s3.get_client_type(config=_OF_S3.merge(self.config))

    def close(self) -> None:
        """Close the client's connections to AWS."""
        self.conn.close()

    def list_cluster_jobs(self, cluster_id: str, *, page_size: int | None = None) -> list[JobListEntry]:
        """
        Return every job of a cluster, from all pages, in the API's order.

        :param cluster_id: ``CID`` and a UUID.
        :param page_size: jobs asked for in each request, 1 to 100; None leaves it to the API.
        :raises ValueError: before any request, if an argument has the wrong form.
        :raises botocore.exceptions.ClientError: ``InvalidResourceException`` if there is no such cluster;
            ``InvalidNextTokenException`` if the pages kept shifting.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_cluster_jobs`
        """
        check_cluster_id(cluster_id)
        entries = self._list("list_cluster_jobs", "JobListEntries", page_size, ClusterId=cluster_id)
        return cast("list[JobListEntry]", _each_once(entries, "JobId"))

    def list_jobs(self, *, page_size: int | None = None) -> list[JobListEntry]:
        """
        Return every job of the account and region, from all pages.

        :param page_size: as for :meth:`list_cluster_jobs`.
        :raises ValueError: if ``page_size`` is out of bounds.
        :raises SnowballAnswerError: if an answer is not whole, or the listing does not end.
        :raises botocore.exceptions.ClientError: for other errors, as the API answers.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_jobs`
        """
        entries = self._list("list_jobs", "JobListEntries", page_size)
        return cast("list[JobListEntry]", _each_once(entries, "JobId"))

    def list_clusters(self, *, page_size: int | None = None) -> list[ClusterListEntryTypeDef]:
        """
        Return every cluster of the account and region, from all pages.

        :param page_size: as for :meth:`list_cluster_jobs`.
        :raises ValueError: if ``page_size`` is out of bounds.
        :raises SnowballAnswerError: if an answer is not whole, or the listing does not end.
        :raises botocore.exceptions.ClientError: for other errors, as the API answers.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.list_clusters`
        """
        entries = self._list("list_clusters", "ClusterListEntries", page_size)
        return cast("list[ClusterListEntryTypeDef]", _each_once(entries, "ClusterId"))

    def describe_cluster(self, cluster_id: str) -> ClusterMetadataTypeDef:
        """
        Return a cluster's metadata, its own ``ClusterState`` among them.

        :raises ValueError: before any request, if the id has the wrong form.
        :raises botocore.exceptions.ClientError: ``InvalidResourceException`` if there is none; others as the
            API answers.
        :raises SnowballAnswerError: if the answer is not whole.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.describe_cluster`
        """
        check_cluster_id(cluster_id)
        conn = self.conn
        with unreadable_as_broken("DescribeCluster"):
            answer = conn.describe_cluster(ClusterId=cluster_id)
        if "ClusterMetadata" not in answer:
            raise SnowballAnswerError(
                "The answer to DescribeCluster does not count: it has no ClusterMetadata [SNB301]"
            )
        return answer["ClusterMetadata"]

    def describe_job(self, job_id: str) -> DescribeJobResultTypeDef:
        """
        Return ``JobMetadata`` of a job and, for an export, ``SubJobMetadata`` of its parts.

        Without ``JobLogInfo``: whoever reads its links, in a log or an XCom, can read the files.
        :meth:`iter_job_log` and :meth:`job_report` follow them.

        :raises ValueError: before any request, if the id has the wrong form.
        :raises botocore.exceptions.ClientError: ``InvalidResourceException`` if there is none; others as the
            API answers.
        :raises SnowballAnswerError: if the answer is not whole.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.describe_job`
        """
        response = self._describe_job(job_id)
        for metadata in (response.get("JobMetadata") or {}, *(response.get("SubJobMetadata") or ())):
            metadata.pop("JobLogInfo", None)
        return cast("DescribeJobResultTypeDef", response)

    def iter_job_log(self, job_id: str, which: Literal["success", "failure"]) -> Iterator[str]:
        """
        Return the lines of a job's log as they come: the objects that were transferred, or were not.

        AWS writes the logs when an import is Complete, and says to read them before the source is deleted.

        :raises ValueError: before any request, if an argument has the wrong form.
        :raises SnowballFileError: if the job has no such log, or it cannot be read to its end.

        .. seealso:: https://docs.aws.amazon.com/snowball/latest/api-reference/API_JobLogs.html
        """
        return map(text_of, self._log_lines(job_id, which))

    def read_job_log(
        self,
        job_id: str,
        which: Literal["success", "failure"],
        *,
        bucket: str | None = None,
        key_encoding: Literal["none", "url"] = "none",
    ) -> Iterator[Claim]:
        """
        Return what a job's log says of each object, as it comes: bucket, key, size in bytes, error.

        AWS documents no columns; they are found by their names in the first line, and others are passed over.
        A key of the failure log that S3 cannot have, which may be why it failed, has escapes for what is no
        UTF-8, and is cut at 1,024 bytes.

        :param bucket: whose objects they are, if the log does not say.
        :param key_encoding: ``url`` if the keys in the log are percent-encoded.
        :raises ValueError: before any request, if an argument has the wrong form.
        :raises SnowballFileError: if the job has no such log, it cannot be read to its end, or it cannot be
            told which object a line is about.

        .. seealso:: https://docs.aws.amazon.com/snowball/latest/api-reference/API_JobLogs.html
        """
        source, errors = Source.SUCCESS_LOG, "strict"
        if which == "failure":
            source, errors = Source.FAILURE_LOG, NO_UTF8
        decode = key_decoder(key_encoding, errors)
        lines = self._log_lines(job_id, which)
        what = f"{which.capitalize()} log of job {job_id}"
        claims = understood(
            read_log(decoded(lines, what, errors), source, what, job_id=job_id, bucket=bucket, decode=decode)
        )
        return (
            each if each.error is None else each._replace(error=bounded(redacted(each.error)))
            for each in claims
        )

    def _log_lines(self, job_id: str, which: Literal["success", "failure"]) -> Iterator[bytes]:
        if which not in _LOGS:
            raise ArgumentError(f"which must be one of {', '.join(_LOGS)}; got {which!r} [SNB106]")
        what = f"the {which} log of job {job_id}"
        return lines_of(self._open(job_id, _LOGS[which], what), what)

    def job_report(self, job_id: str) -> bytes:
        """
        Return a job's completion report, as AWS made it (a PDF).

        :raises ValueError: before any request, if the id has the wrong form.
        :raises SnowballFileError: if the job has no report, or it cannot be read to its end.

        .. seealso:: https://docs.aws.amazon.com/snowball/latest/api-reference/API_JobLogs.html
        """
        what = f"the completion report of job {job_id}"
        return bytes_of(self._open(job_id, "JobCompletionReportURI", what), what)

    def get_job_unlock_code(self, job_id: str) -> str:
        """
        Return the unlock code of a device; with its manifest, it opens the device.

        Airflow shows asterisks for it in the logs of the task. It is a secret all the same: hand it to where
        it belongs, and return it from no task, since what a task returns is stored as an XCom.

        :raises ValueError: before any request, if the id has the wrong form.
        :raises botocore.exceptions.ClientError: ``InvalidJobStateException`` unless the job is WithCustomer.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.get_job_unlock_code`
        """
        check_job_id(job_id)
        conn = self.conn
        with self.audited("GetJobUnlockCode", job_id=job_id), unreadable_as_broken("GetJobUnlockCode"):
            code = conn.get_job_unlock_code(JobId=job_id).get("UnlockCode")
        if not code:
            raise SnowballAnswerError(
                "The answer to GetJobUnlockCode does not count, since it has no UnlockCode [SNB301]"
            )
        mask_secret(code)
        return code

    def download_manifest(self, job_id: str, path: str | os.PathLike[str]) -> None:
        """
        Write the manifest of a device to a file; with its unlock code, it opens the device.

        The file is there whole or not at all, and is for its owner alone (mode 600). Whoever has both should
        not have got them by the same way: keep them apart.

        :raises ValueError: before any request, if the id has the wrong form.
        :raises SnowballFileError: if the manifest cannot be read to its end, or the file cannot be written.
        :raises botocore.exceptions.ClientError: ``InvalidJobStateException`` unless the job is WithCustomer.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.get_job_manifest`
        """
        check_job_id(job_id)
        conn, what = self.conn, f"the manifest of job {job_id}"
        with self.audited("GetJobManifest", job_id=job_id), unreadable_as_broken("GetJobManifest"):
            link = conn.get_job_manifest(JobId=job_id).get("ManifestURI")
        if not link:
            raise SnowballAnswerError(
                "The answer to GetJobManifest does not count, since it has no ManifestURI [SNB301]"
            )
        keep(bytes_of(self._follow(link, what), what), path, what)

    def create_return_shipping_label(
        self,
        job_id: str,
        *,
        shipping_option: Literal["SECOND_DAY", "NEXT_DAY", "EXPRESS", "STANDARD"] | None = None,
    ) -> str:
        """
        Ask AWS for a label for a device's way back, and return its status, such as ``InProgress``.

        One that is there already, or is being made, is no error: the answer is its status.

        :param shipping_option: the speed of the way back; None leaves it to AWS.
        :raises ValueError: before any request, if an argument has the wrong form.
        :raises botocore.exceptions.ClientError: ``InvalidJobStateException`` unless the job is WithCustomer.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.create_return_shipping_label`
        """
        check_job_id(job_id)
        if shipping_option is not None:
            check_shipping_option(shipping_option)
        conn = self.conn
        how: dict[str, Any] = {} if shipping_option is None else {"ShippingOption": shipping_option}
        try:
            with unreadable_as_broken("CreateReturnShippingLabel"):
                status = conn.create_return_shipping_label(JobId=job_id, **how).get("Status")
        except (conn.exceptions.ConflictException, conn.exceptions.ReturnShippingLabelAlreadyExistsException):
            return self._return_label(job_id)[0]
        return str(status)

    def download_return_shipping_label(self, job_id: str, path: str | os.PathLike[str]) -> None:
        """
        Write the label for a device's way back to a file, as AWS made it (a PDF).

        :raises ValueError: before any request, if the id has the wrong form.
        :raises SnowballFileError: if it is not there yet, cannot be read to its end, or cannot be written.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.describe_return_shipping_label`
        """
        check_job_id(job_id)
        status, link = self._return_label(job_id)
        what = f"the return shipping label of job {job_id}"
        if not link:
            raise SnowballFileError(
                f"There is no {what.removeprefix('the ')}, whose status is {status}: ask for one by "
                "create_return_shipping_label, which AWS takes a while to make [SNB506]"
            )
        keep(bytes_of(self._follow(link, what), what), path, what)

    def audited(self, action: str, **what: Any) -> AbstractContextManager[dict[str, Any]]:
        """
        Log one line of what is done within: ``action``, to ``what``, by whom, and what came of it.

        What is put into the dict that this yields is in the line, too.
        """
        return audited(self, self.find_region(), action, **what)

    def find_account(self) -> str | None:
        """Return the account that requests are of, or None if STS does not tell."""
        return account_of(identity_of(self))

    def address_of(self, address_id: str | None) -> Mapping[str, Any] | None:
        """Return an address, for a person to look at; None if there is none, or it cannot be asked for."""
        if address_id is None:
            return None
        try:
            return cast("Mapping[str, Any]", self.conn.describe_address(AddressId=address_id)["Address"])
        except Exception as error:
            self.log.warning("Address %s cannot be shown: %s", address_id, classify(error, self.where()))
            return None

    def device_quota(self) -> Mapping[str, int] | None:
        """Return how many devices the account may have, and has in use; None if that cannot be asked for."""
        try:
            usage = self.conn.get_snowball_usage()
        except Exception as error:
            self.log.warning("The account's devices cannot be counted: %s", classify(error, self.where()))
            return None
        return {name: usage[name] for name in ("SnowballLimit", "SnowballsInUse") if name in usage}

    def _return_label(self, job_id: str) -> tuple[str, str | None]:
        conn = self.conn
        with unreadable_as_broken("DescribeReturnShippingLabel"):
            answer = conn.describe_return_shipping_label(JobId=job_id)
        return str(answer.get("Status")), answer.get("ReturnShippingLabelURI")

    def cancel_job(self, job_id: str) -> None:
        """
        Cancel a job, which AWS does before it is PreparingAppliance only.

        :raises ValueError: before any request, if the id has the wrong form.
        :raises botocore.exceptions.ClientError: ``InvalidJobStateException`` if it is too late, or was
            cancelled before, by a request whose answer was lost, too.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.cancel_job`
        """
        check_job_id(job_id)
        conn = self.conn
        with self.audited("CancelJob", job_id=job_id), unreadable_as_broken("CancelJob"):
            conn.cancel_job(JobId=job_id)

    def cancel_cluster(self, cluster_id: str) -> None:
        """
        Cancel a cluster and its jobs, which AWS does while the cluster is AwaitingQuorum only.

        :raises ValueError: before any request, if the id has the wrong form.
        :raises botocore.exceptions.ClientError: as for :meth:`cancel_job`.

        .. seealso:: :external+boto3:py:meth:`Snowball.Client.cancel_cluster`
        """
        check_cluster_id(cluster_id)
        conn = self.conn
        with self.audited("CancelCluster", cluster_id=cluster_id), unreadable_as_broken("CancelCluster"):
            conn.cancel_cluster(ClusterId=cluster_id)

    def _describe_job(self, job_id: str) -> dict[str, Any]:
        check_job_id(job_id)
        conn = self.conn
        with unreadable_as_broken("DescribeJob"):
            response = dict(conn.describe_job(JobId=job_id))
        response.pop("ResponseMetadata", None)
        return response

    def _open(self, job_id: str, key: str, what: str) -> HTTPResponse:
        metadata = self._describe_job(job_id).get("JobMetadata") or {}
        link = (metadata.get("JobLogInfo") or {}).get(key)
        if not link:
            state, hint = metadata.get("JobState"), "AWS makes it when the job is Complete"
            if has_ended(state):
                hint = "AWS gives none of this job; if that lasts, ask AWS Support for it"
                if key in _LOGS.values():
                    hint += ", or verify without, by a manifest and use_logs=False"
            raise SnowballFileError(
                f"There is no {what.removeprefix('the ')}, whose state is {state}: {hint} [SNB506]"
            )
        return self._follow(link, what)

    def _follow(self, link: str, what: str) -> HTTPResponse:
        # Should anything log it after all, Airflow's task logs show asterisks.
        mask_secret(link)
        proxies = getattr(self.config, "proxies", None)
        verify = self.verify
        if verify is None:
            # As botocore has it: AWS_CA_BUNDLE, or the profile's ca_bundle, then what requests goes by.
            session = botocore.session.Session(profile=self.conn_config.profile_name)
            verify = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        return open_link(link, what, verify=verify, proxies=proxies)

    def _list(
        self,
        operation: Literal["list_cluster_jobs", "list_jobs", "list_clusters"],
        key: str,
        page_size: int | None,
        **arguments: Any,
    ) -> list[Mapping[str, Any]]:
        # Before the client is built: that may ask STS for a role's credentials.
        size = check_page_size(page_size)
        # boto3's paginator follows the pages. Never a waiter: it calls the operation once for each
        # attempt and would judge the first page only.
        paginator: Paginator[Any] = self.conn.get_paginator(operation)
        for restarts in range(MAX_RESTARTS + 1):
            pages = paginator.paginate(
                **arguments, PaginationConfig={} if size is None else {"PageSize": size}
            )
            try:
                with unreadable_as_broken(f"a listing of {key}"):
                    return [entry for page in _bounded(pages) for entry in page.get(key) or ()]
            except (bc.PaginationError, bc.ClientError) as error:
                shifted = isinstance(error, bc.PaginationError) or (
                    error.response.get("Error", {}).get("Code") == "InvalidNextTokenException"
                )
                if not shifted or restarts == MAX_RESTARTS:
                    raise
                self.log.debug("%s shifted under the reader (%s), starting again", key, error)
        raise AssertionError("unreachable: the last round returns or raises")


def make_call(hook: SnowballHook, call: Call) -> Any:
    """
    Make the call that a wait asks for.

    :raises RequestError: for any error, told apart.
    """
    try:
        match call:
            case ListClusterJobs(cluster_id):
                return hook.list_cluster_jobs(cluster_id)
            case ListJobs():
                return hook.list_jobs()
            case DescribeCluster(cluster_id):
                return hook.describe_cluster(cluster_id)
            case DescribeJob(job_id):
                return _entries_of(hook.describe_job(job_id))
    except Exception as error:
        found = classify(error, hook.where())
        if found.kind is ErrorKind.NOT_FOUND and hook.aws_conn_id and not hook.has_connection:
            # Of the default connection: a lookup that failed looks like one that is not there. What boto3
            # found in its place may be of another account, which does not know what this one has.
            found.kind = ErrorKind.DENIED
    # Not above: what came would be the context of what is raised, secrets and all.
    raise found from found.__cause__


#: What DescribeJob tells of a device on the road and of its data.
_DELIVERY = ("ShippingDetails", "DataTransferProgress")


def _entries_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return ``job`` and ``parts`` of a DescribeJob answer, as a listing would have them, and ``delivery``.

    Only those keys: the answer also has addresses, and links that open the job's logs to anybody.
    """
    parts = [_entry_of(part) for part in description.get("SubJobMetadata") or ()]
    if "JobMetadata" not in description:
        raise SnowballAnswerError(
            "The answer to DescribeJob does not count, since it has no JobMetadata [SNB301]"
        )
    job = _entry_of(description["JobMetadata"])
    return {
        "job": job | {"IsMaster": bool(parts) or is_main(job)},
        "parts": [part | {"IsMaster": False} for part in parts],
        "delivery": {key: description["JobMetadata"].get(key) or {} for key in _DELIVERY},
    }


def _entry_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {key: metadata[key] for key in JobListEntry.__annotations__ if key in metadata}


def _bounded(pages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Pass pages on to an end; botocore sees a token only if it comes twice in a row (boto/botocore#3778)."""
    seen = set()
    ends_at = time.monotonic() + MAX_LISTING_SECONDS
    for number, page in enumerate(pages, 1):
        yield page
        if token := page.get("NextToken"):
            if token in seen:
                raise bc.PaginationError(message="a NextToken came twice in one listing")
            seen.add(token)
            if number >= MAX_PAGES or time.monotonic() >= ends_at:
                raise SnowballAnswerError(
                    f"A listing was not at its end after {number} pages: each page named another one [SNB302]"
                )


def _missing(conn_id: str | None) -> str:
    return (
        f"Airflow connection {conn_id!r} cannot be found, or could not be looked up; create it under "
        "Admin > Connections, or correct aws_conn_id. No other credentials are tried in its place [SNB201]"
    )


def _each_once(entries: list[Mapping[str, Any]], id_key: str) -> list[Mapping[str, Any]]:
    """Keep each id once, where it stood first with what was said last; keep all entries without one."""
    last: dict[tuple[str, object], Mapping[str, Any]] = {}
    for number, entry in enumerate(entries):
        found = entry.get(id_key)
        last[("at", number) if found is None else ("id", found)] = entry
    return list(last.values())


def _local_listing(endpoint: str) -> str:
    address = urlsplit(endpoint)
    # An endpoint may have a user and a password before its host.
    host = address.netloc.rpartition("@")[2]
    return f"{address.scheme}://{host}/_snowball/jobs"
