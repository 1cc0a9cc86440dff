"""
The few Airflow names that moved between the supported lines (2.11, 3.0 and later), each imported once.

Only what is light to import: the DAG processor pays for this module at every parse of every DAG file.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import (
        BaseOperator,
        BaseOperatorLink,
        BaseSensorOperator,
        Context,
        PokeReturnValue,
    )
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
        TaskDeferralError,
        TaskDeferralTimeout,
    )
    from airflow.sdk.types import TaskInstanceKey
else:
    try:
        from airflow.sdk import BaseOperator, BaseOperatorLink, BaseSensorOperator, PokeReturnValue
    except ImportError:  # Airflow 2.11
        from airflow.models.baseoperator import BaseOperator
        from airflow.models.baseoperatorlink import BaseOperatorLink
        from airflow.sensors.base import BaseSensorOperator, PokeReturnValue

    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # before 3.2
        from airflow.configuration import conf

    try:
        from airflow.sdk.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowRescheduleException,
            AirflowSensorTimeout,
            AirflowSkipException,
            AirflowTaskTimeout,
            TaskDeferralError,
        )
    except ImportError:  # before 3.2
        from airflow.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowRescheduleException,
            AirflowSensorTimeout,
            AirflowSkipException,
            AirflowTaskTimeout,
            TaskDeferralError,
        )

    try:
        from airflow.sdk.exceptions import TaskDeferralTimeout
    except ImportError:
        try:
            from airflow.exceptions import TaskDeferralTimeout
        except ImportError:  # Airflow 2.11

            class TaskDeferralTimeout(TaskDeferralError):
                """Never raised there: the same is told by a text."""


__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "PokeReturnValue",
    "TaskDeferralError",
    "TaskDeferralTimeout",
    "conf",
    "first_poke_of_this_try",
    "forever",
    "is_deferral_timeout",
    "is_made_from_mapped",
    "mask_secret",
    "remembers_between_pokes",
    "task_state_store",
    "try_numbers",
    "xcom_of",
]


def is_deferral_timeout(error: BaseException) -> bool:
    """Tell whether an exception of a resumed task says that its deferral was not ended in time."""
    return isinstance(error, TaskDeferralTimeout) or (
        # Airflow 2.11
        isinstance(error, TaskDeferralError) and str(error) == "Trigger timeout"
    )


def is_made_from_mapped(operator: BaseOperator) -> bool:
    """Tell whether a worker is making this task of a mapped one, so that no DAG is being parsed."""
    # A private name: Airflow tells it nowhere else (no issue filed).
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def first_poke_of_this_try(context: Context) -> datetime | None:
    """Return when the first rescheduled poke of this try began, or None if there was none yet."""
    ti: Any = context["ti"]
    if hasattr(ti, "get_first_reschedule_date"):
        found: datetime | str | None = ti.get_first_reschedule_date(context)
        # Within dag.test(), Airflow up to 3.1.3 hands on its API's text (apache/airflow#58777).
        return datetime.fromisoformat(found) if isinstance(found, str) else found
    # Airflow 2.11: its own query, from this try on instead of from the first try.
    from airflow.sensors.base import _orig_start_date  # type: ignore[import-not-found]  # not in 3.x

    return _orig_start_date(  # type: ignore[no-any-return]  # not in 3.x, and so untyped
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=ti.map_index,
        try_number=ti.try_number,
    )


def try_numbers(context: Context, retries: int) -> tuple[int, int]:
    """
    Return the number of this try, and of the first one since the task began, or since it was cleared.

    :param retries: of the task.
    """
    ti: Any = context.get("ti")
    if ti is None:
        # A sensor that somebody executes by hand.
        return 1, 1
    # Airflow adds the number of the tries before to max_tries where a task is cleared.
    return int(ti.try_number), int(ti.max_tries) - retries + 1


def task_state_store(context: Context) -> Any | None:
    """Return Airflow's store of what a task remembers between its runs (3.3 and later), or None."""
    return context.get("task_state_store")


def forever() -> Any:
    """Return what that store takes for a time without an end (3.3 and later)."""
    from airflow.sdk.execution_time.context import NEVER_EXPIRE

    return NEVER_EXPIRE


def remembers_between_pokes() -> bool:
    """Tell whether this Airflow has that store."""
    try:
        from airflow.sdk.definitions.context import Context
    except ImportError:  # Airflow 2.11
        return False
    return "task_state_store" in Context.__annotations__


def xcom_of(ti_key: TaskInstanceKey, key: str) -> Any | None:
    """Return an XCom of a task instance, or None if there is none."""
    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:  # Airflow 2.11
        from airflow.models.xcom import XCom  # type: ignore[no-redef]  # another class
    return XCom.get_value(key=key, ti_key=ti_key)


def mask_secret(secret: str) -> None:
    """Have Airflow show asterisks for a secret, wherever a task logs it."""
    try:
        from airflow.sdk.log import mask_secret as mask
    except ImportError:  # Airflow 2.11
        from airflow.utils.log.secrets_masker import mask_secret as mask  # type: ignore[import-not-found,no-redef]  # there then
    mask(secret)
