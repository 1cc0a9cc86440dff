"""
Read an Airflow connection, and say before any request what in it cannot be meant.

The amazon provider takes what it is given: text where an object belongs ends as an AttributeError in the
middle of a request, and an extra that does not parse as no extra at all, and so as other credentials
(apache/airflow#21816 means to have that raise one day).
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from botocore import UNSIGNED
from botocore.config import Config

from airflow_provider_snowball.exceptions import SnowballConnectionError
from airflow_provider_snowball.hooks.allowed_orders import ALLOWED_ORDERS, check_allowed_orders
from airflow_provider_snowball.hooks.connection_form import ACCEPTED_TYPES, without_empty
from airflow_provider_snowball.hooks.redaction import redact, redacted

__all__ = ["check_stored_extra", "config_of", "read_connection", "verify_of"]

#: Fields of the extra that hold an object of their own.
_OBJECTS = (
    ALLOWED_ORDERS,
    "assume_role_kwargs",
    "assume_role_with_saml",
    "config_kwargs",
    "service_config",
    "session_kwargs",
)
_TEXTS = (
    "assume_role_method",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "endpoint_url",
    "profile_name",
    "region_name",
    "role_arn",
)
_SECRETS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_KEY = ("aws_access_key_id", "aws_secret_access_key")
#: What a way to a role cannot do without, by ``assume_role_method``.
_NEEDED_FOR_A_ROLE = {
    "assume_role_with_saml": "assume_role_with_saml",
    "assume_role_with_web_identity": "assume_role_with_web_identity_federation",
}
#: What no header of a request can have.
_UNSENDABLE = re.compile(r"[^\x21-\x7e]")
_BOOLEANS = {"true": True, "false": False}
#: A longer text is none.
_LONGEST_PATH = 1024
#: Options of botocore's Config whose default does not tell their type.
_OPTION_TYPES: Mapping[str, tuple[type, ...]] = {
    "connect_timeout": (int, float),
    "max_pool_connections": (int,),
    "proxies": (dict,),
    "proxies_config": (dict,),
    "read_timeout": (int, float),
    "region_name": (str,),
    "retries": (dict,),
    "s3": (dict,),
    "signature_version": (type(UNSIGNED), str),
    "user_agent": (str,),
    "user_agent_extra": (str,),
}


class _Connection(AwsConnectionWrapper):
    """The amazon provider's own, which calls every connection one of type aws in its log (no issue filed)."""

    @property
    def conn_repr(self) -> str:
        """What a connection is called in log lines."""
        return f"Airflow connection {self.conn_id!r}"


def read_connection(found: Any) -> AwsConnectionWrapper:
    """
    Return an Airflow connection as the amazon provider's own, which warns of every type but aws.

    :raises SnowballConnectionError: if it is of another type than the two, or malformed; names the field.
    """
    name = f"Airflow connection {found.conn_id!r}"
    if found.conn_type and found.conn_type not in ACCEPTED_TYPES:
        raise SnowballConnectionError(
            f"{name} is of type {found.conn_type!r}, which is none for AWS; "
            f"name one of type {' or '.join(ACCEPTED_TYPES)} in aws_conn_id [SNB203]"
        )
    if not any((found.conn_type, found.login, found.password, found.extra)):
        # What Airflow makes of a word, or of JSON that is no object.
        raise SnowballConnectionError(
            f"{name} is empty: where it comes from, it is neither a JSON object nor a URI such as "
            "aws://KEY:SECRET@/. No other credentials are tried in its place [SNB202]"
        )
    extra = _read_extra(found.extra, name)
    for field, value in (("login", found.login), ("password", found.password)):
        _check_secret(value, f"{field} of {name}")
    credentials = [extra, extra.get("session_kwargs") or {}]
    for place in credentials:
        for field in _SECRETS:
            _check_secret(place.get(field), f"{field} in the extra of {name}")
    halves = [bool(found.login) != bool(found.password)]
    halves += [bool(place.get(_KEY[0])) != bool(place.get(_KEY[1])) for place in credentials]
    has_key = found.login or any(place.get(_KEY[0]) for place in credentials)
    if any(place.get("aws_session_token") for place in credentials) and not has_key:
        raise SnowballConnectionError(
            f"{name} has a session token, and no access key that it belongs to: give it the key, too. "
            "No other credentials are tried in its place [SNB205]"
        )
    if any(halves):
        raise SnowballConnectionError(
            f"{name} has only half an access key: give it both the access key "
            "ID and the secret access key, or neither. No other credentials are tried in their place [SNB205]"
        )
    try:
        return _Connection.from_connection_metadata(  # type: ignore[no-any-return]  # untyped there
            conn_id=found.conn_id, login=found.login, password=found.password, extra=extra
        )
    except Exception as error:
        redact(error)
        raise SnowballConnectionError(f"{name} cannot be used: {redacted(str(error))} [SNB208]") from None


def verify_of(value: Any, what: str) -> bool | str | None:
    """
    Return ``verify`` as boto3 has it: text that says true or false is one, an empty one is none.

    :raises SnowballConnectionError: if it is neither a boolean nor the path of a file.
    """
    if value is None or value == "" or isinstance(value, bool):
        return None if value == "" else value
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if isinstance(text, str):
        if text.strip().lower() in _BOOLEANS:
            return _BOOLEANS[text.strip().lower()]
        try:
            there = Path(text).exists()
        except (OSError, ValueError):
            there = False
        if there:
            return text
        # Whoever stored the certificates themselves may have stored a key with them.
        shown = (
            f"there is no file {text!r}"
            if len(text) < _LONGEST_PATH and "\n" not in text
            else "got a text that is none, not shown here"
        )
        raise SnowballConnectionError(
            f"verify of {what} must be true, false or the path of a CA bundle; {shown} [SNB206]"
        )
    raise SnowballConnectionError(
        f"verify of {what} must be true, false or the path of a CA bundle; got a {type(value).__name__}"
        " [SNB206]"
    )


def config_of(options: Any, what: str) -> Config | None:
    """
    Return botocore's Config of options as JSON has them.

    :param what: where they come from, for messages: ``botocore_config``.
    :raises SnowballConnectionError: if there is no such option, or its value is of the wrong type.
    """
    if options is None or isinstance(options, Config):
        return options
    if not isinstance(options, Mapping):
        raise SnowballConnectionError(
            f"{what} must be an object of options; got a {type(options).__name__} [SNB204]"
        )
    # botocore adds to what it is given.
    options = copy.deepcopy(dict(options))
    for option, value in options.items():
        if option not in Config.OPTION_DEFAULTS:
            raise SnowballConnectionError(
                f"{what} has {option!r}, which is no option of botocore's Config [SNB204]"
            )
        default = Config.OPTION_DEFAULTS[option]
        types = (bool,) if isinstance(default, bool) else _OPTION_TYPES.get(option)
        is_wrong_number = isinstance(value, bool) and types is not None and bool not in types
        if value is not None and types is not None and (not isinstance(value, types) or is_wrong_number):
            raise SnowballConnectionError(
                f"{option} in {what} must be a {types[-1].__name__}; got a {type(value).__name__} [SNB204]"
            )
    for scheme, proxy in (options.get("proxies") or {}).items():
        if not isinstance(proxy, str):
            raise SnowballConnectionError(
                f"proxies[{scheme!r}] in {what} must be text; got a {type(proxy).__name__} [SNB204]"
            )
    if options.get("signature_version") == "unsigned":
        options["signature_version"] = UNSIGNED
    try:
        return Config(**options)
    except Exception as error:
        raise SnowballConnectionError(f"{what} is none for botocore: {error} [SNB204]") from None


def check_region(value: Any, what: str) -> str | None:
    """
    Return a region's name; an empty one is none.

    :raises SnowballConnectionError: if it is no text, or has a line break.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise SnowballConnectionError(
            f"region_name of {what} must be text such as us-east-1; got a {type(value).__name__} [SNB204]"
        )
    if value.splitlines() != [value]:
        # botocore refuses all else that is no region, but lets a last line break through: into a header.
        raise SnowballConnectionError(
            f"region_name of {what} must be text such as us-east-1; got {value!r} [SNB204]"
        )
    return value


def check_stored_extra(stored: str, name: str) -> None:
    """
    Refuse the extra of a connection in JSON that Airflow could not read.

    Airflow before 3.2 refuses one that is no JSON object, and says of the connection that it is not there.
    """
    try:
        connection = json.loads(stored)
    except ValueError:
        return
    if isinstance(connection, dict):
        _object_of(connection.get("extra"), f"The extra of {name}")


def _read_extra(text: Any, name: str) -> dict[str, Any]:
    extra = _object_of(text, f"The extra of {name}")
    extra = without_empty(extra)
    for field in _OBJECTS:
        if field in extra:
            extra[field] = _object_of(extra[field], f"{field} in the extra of {name}")
    for service, settings in (extra.get("service_config") or {}).items():
        extra["service_config"][service] = _object_of(
            settings, f"service_config[{service!r}] in the extra of {name}"
        )
    for field in _TEXTS:
        if field in extra and not isinstance(extra[field], str):
            raise SnowballConnectionError(
                f"{field} in the extra of {name} must be text; got a {type(extra[field]).__name__} [SNB204]"
            )
    _check_session(extra, f"session_kwargs in the extra of {name}")
    _check_way_to_a_role(extra, name)
    check_region(extra.get("region_name"), f"the extra of {name}")
    _check_endpoint(extra.get("endpoint_url"), f"endpoint_url in the extra of {name}")
    for service, settings in (extra.get("service_config") or {}).items():
        _check_endpoint(
            settings.get("endpoint_url"), f"endpoint_url in service_config[{service!r}] of {name}"
        )
    if "verify" in extra:
        extra["verify"] = verify_of(extra["verify"], name)
    config_of(extra.get("config_kwargs"), f"config_kwargs in the extra of {name}")
    try:
        check_allowed_orders(extra.get(ALLOWED_ORDERS) or {})
    except ValueError as error:
        raise SnowballConnectionError(f"{ALLOWED_ORDERS} in the extra of {name}: {error} [SNB204]") from None
    return extra


def _object_of(value: Any, what: str) -> dict[str, Any]:
    """Return a JSON object, also of its text, and of the text of that: forms and URIs encode it once more."""
    for _ in range(3):
        if not isinstance(value, str):
            break
        if not value.strip():
            return {}
        try:
            value = json.loads(value)
        except ValueError:
            raise SnowballConnectionError(
                f"{what} does not parse as a JSON object: correct it under Admin > Connections, or where the "
                "connection comes from. No other credentials are tried in its place [SNB202]"
            ) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SnowballConnectionError(f"{what} must be a JSON object; got a {type(value).__name__} [SNB202]")
    return value


def _check_session(extra: Mapping[str, Any], what: str) -> None:
    for field, value in without_empty(extra.get("session_kwargs") or {}).items():
        if field not in _SECRETS and value != extra.get(field):
            # The amazon provider passes over all else, and so over whose credentials a profile meant.
            raise SnowballConnectionError(
                f"{what} has {field!r}, which is not read there: put it into the extra itself [SNB204]"
            )
        if field in _SECRETS and not isinstance(value, str):
            raise SnowballConnectionError(
                f"{field} in {what} must be text; got a {type(value).__name__} [SNB204]"
            )


def _check_way_to_a_role(extra: Mapping[str, Any], name: str) -> None:
    method = extra.get("assume_role_method")
    needed = _NEEDED_FOR_A_ROLE.get(method) if extra.get("role_arn") and isinstance(method, str) else None
    if needed and not extra.get(needed):
        raise SnowballConnectionError(
            f"assume_role_method in the extra of {name} is {method!r}, which needs {needed} there [SNB204]"
        )


def _check_endpoint(value: Any, what: str) -> None:
    """Refuse an address that nothing can be sent to, without showing it: it may have a password in it."""
    if value is None or value == "":
        return
    try:
        address = urlsplit(value)
        if not address.hostname and "@" not in value:
            # botocore refuses that, and shows it.
            return
        is_one = bool(address.hostname) and address.scheme in ("http", "https") and address.port != 0
    except (AttributeError, TypeError, ValueError):
        is_one = False
    if not is_one or _UNSENDABLE.search(value):
        raise SnowballConnectionError(
            f"{what} must be an address such as https://host:port, with special characters of a password "
            "percent-encoded. It is not shown here [SNB204]"
        )


def _check_secret(value: Any, what: str) -> None:
    if isinstance(value, str) and _UNSENDABLE.search(value):
        raise SnowballConnectionError(
            f"{what} has a line break, a space or another character that no credential of AWS has "
            "(a file read with its last line break, say); store it without. It is not shown here [SNB207]"
        )
