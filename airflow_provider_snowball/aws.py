"""The four AWS parameters that sensors, operators and triggers share, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_snowball.compat import BaseOperator
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink

__all__ = ["AWS_PARAMETERS", "AWS_TEMPLATE_FIELDS", "AwsParameters", "check_botocore_config"]

#: The names of the parameters, as in the amazon provider.
AWS_PARAMETERS = ("aws_conn_id", "region_name", "verify", "botocore_config")
#: Those of them that are templated, as in the amazon provider.
AWS_TEMPLATE_FIELDS = ("aws_conn_id", "region_name", "verify")


def check_botocore_config(value: Any) -> None:
    """
    Refuse a password in ``botocore_config``: it is stored with the DAG and with each trigger.

    :raises ValueError: if a proxy's address holds one, or if this is no dict.
    """
    if value is None:
        return
    # What was given instead is not shown: there may be a password in it.
    if not isinstance(value, Mapping):
        raise ValueError(
            "botocore_config must be a dict of arguments of botocore.config.Config, or None; "
            f"got a {type(value).__name__}"
        )
    proxies = value.get("proxies") or {}
    if not isinstance(proxies, Mapping):
        raise ValueError(
            "botocore_config['proxies'] must be a dict of addresses by scheme; "
            f"got a {type(proxies).__name__}"
        )
    for scheme, proxy in proxies.items():
        address = str(proxy)
        if urlsplit(address if "//" in address else f"//{address}").password is not None:
            raise ValueError(
                f"botocore_config['proxies'][{scheme!r}] holds a password, which would be stored in clear; "
                "put the proxy into the Airflow connection's extra, under config_kwargs"
            )


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
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_botocore_config(botocore_config)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    @property
    def aws_parameters(self) -> dict[str, Any]:
        """The four parameters by name, as rendered so far."""
        return {name: getattr(self, name) for name in AWS_PARAMETERS}
