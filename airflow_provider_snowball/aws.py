"""The four AWS parameters that sensors, operators and triggers share, declared once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow_provider_snowball.compat import BaseOperator, is_made_from_mapped
from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink
from airflow_provider_snowball.validate import plain_json

__all__ = ["AWS_PARAMETERS", "AWS_TEMPLATE_FIELDS", "AwsParameters", "check_botocore_config", "passed_on"]

#: The names of the parameters and their defaults, as in the amazon provider.
AWS_PARAMETERS: Mapping[str, Any] = {
    "aws_conn_id": "aws_default",
    "region_name": None,
    "verify": None,
    "botocore_config": None,
}
#: Those of them that are templated, as in the amazon provider.
AWS_TEMPLATE_FIELDS = ("aws_conn_id", "region_name", "verify")


def passed_on(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the keyword arguments of an ``__init__``, its ``locals()``, to pass them on to that of its base.

    So that a class whose signature spells what its base takes, for whoever reads it, spells it once.
    """
    named = {name: value for name, value in arguments.items() if name not in ("self", "__class__", "kwargs")}
    return {**named, **arguments["kwargs"]}


def check_botocore_config(value: Any) -> dict[str, Any] | None:
    """
    Return ``botocore_config`` in the form in which it can be stored, with the DAG and with each trigger.

    :raises ArgumentError: if this is no dict, holds what JSON has no form for, or a proxy's password.
    """
    if value is None:
        return None
    # What was given instead is not shown: there may be a password in it.
    if not isinstance(value, Mapping):
        raise ArgumentError(
            "botocore_config must be a dict of arguments of botocore.config.Config, or None; "
            f"got a {type(value).__name__} [SNB111]"
        )
    config = dict(value)
    if type(config.get("signature_version")).__module__.partition(".")[0] == "botocore":
        # botocore.UNSIGNED; the amazon provider has this word for it in a connection.
        config["signature_version"] = "unsigned"
    for option, item in config.items():
        if plain_json(item) is None is not item:
            raise ArgumentError(
                f"botocore_config[{option!r}] must be a plain value, as JSON has it, to be stored; "
                f"got a {type(item).__name__} [SNB111]"
            )
    proxies = config.get("proxies") or {}
    if not isinstance(proxies, Mapping):
        raise ArgumentError(
            "botocore_config['proxies'] must be a dict of addresses by scheme; "
            f"got a {type(proxies).__name__} [SNB111]"
        )
    for scheme, proxy in proxies.items():
        # Also in an address that does not parse, since its password was not encoded.
        if "@" in str(proxy):
            raise ArgumentError(
                f"botocore_config['proxies'][{scheme!r}] holds a password, which would be stored in clear; "
                "put the proxy into the Airflow connection's extra, under config_kwargs [SNB111]"
            )
    return config


class AwsParameters(BaseOperator):
    """
    Add the four AWS parameters to an operator or sensor.

    A subclass of BaseOperator, not a plain mixin, since Airflow looks for ``default_args`` and for the
    arguments of ``.partial()`` in the signatures of operator classes only.

    :param aws_conn_id: The Airflow connection to use; None for boto3's own chain of credentials.
    :param region_name: AWS region; default: the connection's, then boto3's.
    :param verify: Whether to verify TLS certificates, or the path of a CA bundle.
    :param botocore_config: Arguments of :external+botocore:py:class:`botocore.config.Config`.
    """

    operator_extra_links = (SnowFamilyConsoleLink(),)

    def __init__(
        self,
        *,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Of a mapped task, an empty text may be what another task gave; None may be a literal one.
        self._names_connection = not _is_nothing(aws_conn_id) or (
            aws_conn_id is not None and is_made_from_mapped(self)
        )
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = os.fspath(verify) if isinstance(verify, os.PathLike) else verify
        self.botocore_config = check_botocore_config(botocore_config)

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """
        Begin to map the operator, as Airflow's own; refuse what would be stored with the DAG before it is.

        :raises ArgumentError: as :func:`check_botocore_config`.
        """
        if "botocore_config" in (defaults := kwargs.get("default_args") or {}):
            check_botocore_config(defaults["botocore_config"])
        if "botocore_config" in kwargs:
            kwargs["botocore_config"] = check_botocore_config(kwargs["botocore_config"])
        return super().partial(**kwargs)

    def _check_given(self) -> None:
        """
        Check what an operator is given of its own; templates are passed over.

        :raises ArgumentError: if something of it is wrong.
        """

    def _check_in_dag_file(self) -> None:
        """Check it as the DAG is parsed; of a mapped task, ``execute()`` does, where a fault is final."""
        if not is_made_from_mapped(self):
            self._check_given()

    @property
    def aws_parameters(self) -> dict[str, Any]:
        """
        The four parameters by name, as rendered so far.

        :raises ArgumentError: if what was to name the connection came to nothing.
        """
        if self._names_connection and _is_nothing(self.aws_conn_id):
            # What boto3 finds may be of another account.
            raise ArgumentError(
                f"aws_conn_id was to name an Airflow connection, and came to {self.aws_conn_id!r}; look at "
                "what was to name it. No other credentials are tried in its place [SNB117]"
            )
        return {name: getattr(self, name) for name in AWS_PARAMETERS}


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value)
