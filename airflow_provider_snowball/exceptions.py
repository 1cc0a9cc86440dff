"""
What the hook, the sensors and the operators raise, beside botocore's own exceptions and AirflowSensorTimeout.

::

    SnowballError
    ├── SnowballTargetUnreachableError   jobs ended short of the target            final
    ├── SnowballJobsOverdueError         jobs are late, and on_overdue is "fail"   final
    ├── SnowballVerificationError        what was imported is not what it should be final
    ├── SnowballOrderError               only a person can tell what is right      final
    ├── SnowballPermanentError           asking again gets the same answer         final
    ├── SnowballOutageError              no listing for too long                   retried
    ├── SnowballOrderDelayedError        an order could not be made in this try    retried
    ├── SnowballTriggerError             the triggerer gave no verdict             retried
    ├── SnowballAnswerError              an answer of AWS is not whole             retried
    ├── SnowballConnectionError          an Airflow connection cannot be used      retried
    └── SnowballFileError                a log, report or manifest cannot be read  retried

Final ones are also AirflowFailException: the task fails whatever its ``retries``. Retried ones fail a
try, and Airflow's ``retries`` apply.
"""

from __future__ import annotations

from airflow_provider_snowball.compat import AirflowException, AirflowFailException

__all__ = [
    "SnowballAnswerError",
    "SnowballConnectionError",
    "SnowballError",
    "SnowballFileError",
    "SnowballJobsOverdueError",
    "SnowballOrderDelayedError",
    "SnowballOrderError",
    "SnowballOutageError",
    "SnowballPermanentError",
    "SnowballTargetUnreachableError",
    "SnowballTriggerError",
    "SnowballVerificationError",
]


class SnowballError(AirflowException):
    """What all exceptions of this package are."""


class SnowballTargetUnreachableError(SnowballError, AirflowFailException):
    """
    The jobs waited for cannot reach the target any more: some ended without it, or their cluster did.

    ``retries`` do not apply.
    """


class SnowballJobsOverdueError(SnowballError, AirflowFailException):
    """
    Jobs have been in a state for longer than ``max_days_in_state``, and ``on_overdue`` is "fail".

    ``retries`` do not apply.
    """


class SnowballVerificationError(SnowballError, AirflowFailException):
    """
    What was imported is not what it should be, or cannot be told to be: the source has to stay.

    The message has the counts, and the first objects that differ. ``retries`` do not apply.
    """


class SnowballOrderError(SnowballError, AirflowFailException):
    """
    An order that failed for good: it was refused, or nobody but a person can tell what became of it.

    The message has the marker, account and region, and what to do. ``retries`` do not apply: a second order
    is a second device.
    """


class SnowballOrderDelayedError(SnowballError):
    """
    An order could not be made, or looked for, in this try: too many calls failed. ``retries`` apply.

    Another try never orders what may have been ordered.
    """


class SnowballPermanentError(SnowballError, AirflowFailException):
    """
    What was asked for, or the way to it, is wrong: an argument, an id, the connection, a permission.

    The message has the API's own words, where AWS was asked. ``retries`` do not apply.
    """


class SnowballOutageError(SnowballError):
    """
    A wait has had no listing for as long as it bears that (``outage_timeout``).

    Or Airflow could not say which changes it has told. ``retries`` apply.
    """


class SnowballTriggerError(SnowballError):
    """The triggerer ended a wait without a verdict on it. ``retries`` apply."""


class SnowballAnswerError(SnowballError):
    """
    An answer was torn on its way, empty, no JSON or not of the API's form, or a listing did not end.

    Nothing retries it at once: a wait asks again at its next poll, for an operator ``retries`` apply.
    """


class SnowballConnectionError(SnowballError):
    """
    An Airflow connection that was asked for by name cannot be found, or no client can be made of it.

    From the hook: sensors and operators raise :class:`SnowballPermanentError` for it. ``retries`` apply.
    """


class SnowballFileError(SnowballError):
    """
    A job's report or log, or a manifest, is not there, or cannot be read to its end; or a file not written.

    ``retries`` apply.
    """
