"""What the Test button of Airflow's connection form asks, how it tells the outcome, and who asks."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any

import botocore.exceptions as bc
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from botocore.config import Config

from airflow_provider_snowball.hooks.errors import classify
from airflow_provider_snowball.hooks.whole_answers import take_whole_answers_only

__all__ = ["ask_for_a_cluster", "identity_of"]

log = logging.getLogger(__name__)

#: Somebody waits in front of the form.
_HASTE = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})


def ask_for_a_cluster(hook: AwsGenericHook[Any]) -> tuple[bool, str]:
    """
    Ask Snowball for one cluster; return whether it answered, and a text with region, identity and error.

    Never raises, and has no secret in its text.
    """
    where = who = None
    try:
        where = hook.region_name
        client_of = _clients(hook)
        snowball = client_of("snowball")
        where, who = snowball.meta.region_name, _identity(client_of)
        snowball.list_clusters(MaxResults=1)
    except Exception as error:
        outcome = str(classify(error))
        if isinstance(error, bc.ClientError) and "snowball:ListClusters [" in outcome:
            outcome += ", which this test alone asks for"
        return False, ": ".join(filter(None, [where, who, outcome]))
    return True, ": ".join(filter(None, [where, who, "AWS Snowball answers"]))


def identity_of(hook: AwsGenericHook[Any]) -> str | None:
    """
    Return the ARN that the requests of a hook come from, or None if AWS does not tell.

    Never raises. STS tells whoever asks; no permission is needed.
    """
    try:
        return _identity(_clients(hook))
    except Exception as error:
        log.debug("No client can ask STS for the identity: %s", type(error).__name__)
        return None


def _clients(hook: AwsGenericHook[Any]) -> Callable[[str], Any]:
    """Return what makes clients of one session, so that a role is assumed once, and in little time."""
    hasty = copy.copy(hook)
    hasty.conn_config = AwsConnectionWrapper(
        conn=hook.conn_config, botocore_config=hook.config.merge(_HASTE), verify=hook.verify
    )
    session: Any = hasty.get_session(region_name=hasty.region_name)

    def client_of(service: str) -> Any:
        client = session.client(
            service,
            endpoint_url=hasty.conn_config.get_service_endpoint_url(service),
            config=hasty.config,
            verify=hasty.verify,
        )
        if service == "snowball":
            take_whole_answers_only(client)
        return client

    return client_of


def _identity(client_of: Callable[[str], Any]) -> str | None:
    """Return the ARN that requests come from, or None if AWS does not tell."""
    try:
        return str(client_of("sts").get_caller_identity()["Arn"])
    except Exception as error:
        log.debug("STS does not tell the identity: %s", error)
        return None
