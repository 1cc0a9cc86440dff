"""
A line in the log for each thing that changes an order, or opens a device.

One JSON object after fixed words, so that whoever collects logs can find and count them.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.exceptions import ClientError

from airflow_provider_snowball.hooks.connection_test import identity_of

__all__ = ["WORDS", "account_of", "audited"]

log = logging.getLogger(__name__)

WORDS = "Snowball audit:"
#: What Airflow tells each task of itself, by the name that it has in the line.
_TASK = {
    "dag_id": "AIRFLOW_CTX_DAG_ID",
    "task_id": "AIRFLOW_CTX_TASK_ID",
    "run_id": "AIRFLOW_CTX_DAG_RUN_ID",
    "try_number": "AIRFLOW_CTX_TRY_NUMBER",
    "owner": "AIRFLOW_CTX_DAG_OWNER",
}


def account_of(arn: str | None) -> str | None:
    """Return the account of an ARN: ``arn:partition:service:region:account:resource``."""
    return arn.split(":")[4] if arn and arn.count(":") >= 5 else None


@contextmanager
def audited(
    hook: AwsGenericHook[Any], region: str | None, action: str, **what: Any
) -> Iterator[dict[str, Any]]:
    """
    Log what was done within: to what, by which identity of AWS, where, in which task, and what came of it.

    ``outcome`` is ``done``, the error's code, or the name of what was raised in place of an answer; or what
    is put into the dict that this yields, with all else that is in there.

    :param region: that of the requests.
    :param action: the API's name of it.
    :param what: the ids of what it was done to; never a secret.
    """
    outcome = "unknown"
    more: dict[str, Any] = {}
    try:
        yield more
        outcome = "done"
    except Exception as error:
        code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
        outcome = code or type(error).__name__
        raise
    finally:
        who = identity_of(hook)
        line = {
            "action": action,
            **what,
            "outcome": outcome,
            **more,
            "identity": who,
            "account": account_of(who),
            "region": region,
            "aws_conn_id": hook.aws_conn_id,
            **{name: os.environ.get(variable) for name, variable in _TASK.items()},
        }
        log.info("%s %s", WORDS, json.dumps(line, default=str))
