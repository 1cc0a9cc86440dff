"""What the hook, the sensors and the operator raise, beside botocore's own exceptions."""

from __future__ import annotations

from airflow_provider_snowball.compat import AirflowException, AirflowFailException, AirflowSensorTimeout
from airflow_provider_snowball.wait import Fail, FailKind

__all__ = [
    "ClusterJobsFailed",
    "JobsOverdue",
    "SnowballConnectionError",
    "SnowballFileError",
    "SnowballPollingFailed",
    "SnowballRequestFailed",
    "exception_for",
]


class ClusterJobsFailed(AirflowFailException):
    """The jobs waited for cannot reach the target any more. Retrying cannot help."""


class JobsOverdue(AirflowFailException):
    """Jobs have been in a state for longer than ``max_days_in_state``, and ``on_overdue`` is "fail"."""


class SnowballRequestFailed(AirflowFailException):
    """Snowball, or the way to it, refused a request for good; the message has the API's own words."""


class SnowballPollingFailed(AirflowException):
    """A wait has had no answer for longer than ``max_blind_time``. ``retries`` apply."""


class SnowballConnectionError(AirflowException):
    """An Airflow connection that was asked for by name cannot be found, or its lookup failed."""


class SnowballFileError(AirflowException):
    """A job's report or log is not there, or could not be read to its end. ``retries`` apply."""


_RAISED = {
    FailKind.UNREACHABLE: ClusterJobsFailed,
    FailKind.CLUSTER_ENDED: ClusterJobsFailed,
    FailKind.OVERDUE: JobsOverdue,
    FailKind.REQUEST: SnowballRequestFailed,
    FailKind.TIMEOUT: AirflowSensorTimeout,
    FailKind.BLIND: SnowballPollingFailed,
    FailKind.ERROR: SnowballPollingFailed,
}


def exception_for(fail: Fail) -> BaseException:
    """Return the exception that a failed wait raises, in every mode."""
    if fail.kind is FailKind.ERROR and fail.error is not None:
        return fail.error
    error = _RAISED[fail.kind](fail.message)
    error.__cause__ = fail.error
    return error
