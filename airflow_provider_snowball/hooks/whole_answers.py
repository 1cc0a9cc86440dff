"""
Take an answer of AWS only if it is whole: all of it there, and of the form that the API's model has.

botocore does not: it reads less than ``Content-Length`` without a word, and a body that is no JSON becomes an
answer without members, so that a page torn on its way looks like the last page of a shorter listing
(no issue filed).

The handlers raise outside botocore's own retries: whoever asked, asks again. A wait does at its next poll,
an operator by Airflow's ``retries``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import botocore.exceptions as bc

from airflow_provider_snowball.exceptions import SnowballAnswerError
from airflow_provider_snowball.hooks.redaction import redact, redacted
from airflow_provider_snowball.lifecycle import ArgumentError

__all__ = ["take_whole_answers_only", "unreadable_as_broken"]

#: Of a page that is no JSON, as many bytes are kept for messages.
_EXCERPT = 2000
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "timestamp": (datetime,),
    "structure": (dict,),
    "list": (list,),
}
#: A timestamp as JSON has it: seconds since 1970, or text.
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {**_PYTHON_TYPES, "timestamp": (int, float, str)}
_NUMBERS = ((int,), (int, float, str))
_Checker = Callable[[Any, str], None]


def take_whole_answers_only(client: Any) -> None:
    """
    Have a client of Snowball raise for each answer that is not whole.

    :raises SnowballAnswerError: from the client's methods.
    """
    client.meta.events.register("before-parse.snowball", _check_body)
    client.meta.events.register("after-call.snowball", _FormChecker().check)


def _check_body(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    body, headers = response_dict["body"], response_dict["headers"]
    if response_dict["status_code"] >= 300:
        if body.lstrip()[:1] != b"{":
            # A proxy's page becomes the text of botocore's exception.
            response_dict["body"] = body[:_EXCERPT].decode("utf-8", "replace").encode()
        return
    expected = headers.get("Content-Length")
    # Of a compressed one, the length is that of what was sent.
    if "Content-Encoding" not in headers and str(expected or "").isdecimal() and len(body) != int(expected):
        raise _broken(operation_model.name, f"it broke off after {len(body)} of {expected} bytes")
    if not body:
        raise _broken(operation_model.name, "it is empty")
    stripped = body.strip()
    if stripped[:1] != b"{" or stripped[-1:] != b"}":
        raise _broken(operation_model.name, f"it is no JSON object: {_excerpt(body)}")


class _FormError(Exception):
    """A part of an answer is not of the modelled form; the text says which."""


class _FormChecker:
    """Checks answers against the shapes of a client's model."""

    def __init__(self) -> None:
        self._of_parsed: dict[str, _Checker] = {}
        self._of_json: dict[str, _Checker] = {}

    def check(self, http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        """
        Check an answer, as botocore emits ``after-call``.

        :raises SnowballAnswerError: if it is not of the modelled form.
        """
        if http_response.status_code >= 300:
            return
        shape = model.output_shape
        try:
            listed = [
                parsed.get(name) for name, member in shape.members.items() if member.type_name == "list"
            ]
            if not any(listed):
                # Where there is nothing, there may have been something that the parser made nothing of.
                answer = _load(http_response.content)
                if isinstance(answer, dict) and answer and not answer.keys() & shape.members.keys():
                    raise _FormError(f"it has none of its members, but {_excerpt(list(answer))}")
                _checker_of(shape, _JSON_TYPES, self._of_json)(answer, "the answer")
            _checker_of(shape, _PYTHON_TYPES, self._of_parsed)(parsed, "the answer")
        except _FormError as error:
            raise _broken(model.name, str(error)) from None


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _FormError(f"it is no JSON: {_excerpt(body)}") from None


def _checker_of(shape: Any, types_of: Mapping[str, tuple[type, ...]], known: dict[str, _Checker]) -> _Checker:
    """
    Return what checks a value against a shape of the model; unknown members are free.

    :param known: the checkers of all shapes so far, by name: shapes may hold themselves.
    """
    if shape.name in known:
        return known[shape.name]
    types = types_of.get(shape.type_name, (object,))

    def check_type(value: Any, name: str) -> None:
        # bool is an int to Python, and none to the API.
        if not isinstance(value, types) or (types in _NUMBERS and isinstance(value, bool)):
            raise _FormError(f"{name} is {_excerpt(value)}, and must be a {shape.type_name}")

    if shape.type_name == "structure":
        members: dict[str, _Checker] = {}

        def check_structure(value: Any, name: str) -> None:
            check_type(value, name)
            for key, item in value.items():
                if item is not None and (check := members.get(key)) is not None:
                    check(item, key)

        known[shape.name] = check_structure
        members.update({key: _checker_of(each, types_of, known) for key, each in shape.members.items()})
    elif shape.type_name == "list":

        def check_list(value: Any, name: str) -> None:
            check_type(value, name)
            check = _checker_of(shape.member, types_of, known)
            for item in value:
                check(item, f"an entry of {name}")

        known[shape.name] = check_list
    else:
        known[shape.name] = check_type
    return known[shape.name]


@contextmanager
def unreadable_as_broken(operation: str) -> Iterator[None]:
    """
    Say of an answer on which botocore's parser fell over that it does not count.

    :raises SnowballAnswerError: in the place of an exception of Python's own.
    """
    try:
        yield
    except bc.BotoCoreError as error:
        # That the address of a proxy cannot be parsed is told with its password by urllib3 before 2.8.
        redact(error)
        raise
    except (bc.ClientError, ArgumentError):
        raise
    except (AttributeError, LookupError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise _broken(
            operation, f"it cannot be read: {type(error).__name__}: {_excerpt(str(error))}"
        ) from None


def _broken(operation: str, why: str) -> SnowballAnswerError:
    return SnowballAnswerError(f"The answer to {operation} does not count, since {why} [SNB301]")


def _excerpt(value: Any) -> str:
    text = value[:_EXCERPT].decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)[:_EXCERPT]
    # A page of a proxy may show the request.
    text = redacted(text)
    return text if len(text) <= 100 else f"{text[:100]}…"
