"""
What the service model rules out: lengths, ranges, patterns, enums, missing members.

botocore's client checks only what is required and the lower bounds; the rest reaches AWS, which
answers a ValidationException in the words used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, Shape, StringShape, StructureShape

from .exceptions import ValidationException

__all__ = ["validate"]

#: Characters of a value that an answer repeats.
_LONGEST = 2000


def validate(params: Mapping[str, Any], shape: StructureShape) -> None:
    """
    Hold ``params`` against an operation's input shape.

    :raises ValidationException: naming every member that breaks a constraint.
    """
    violations = list(_members(params, shape, ""))
    if violations:
        raise ValidationException(violations)


def _members(value: Mapping[str, Any], shape: StructureShape, path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        # The path of a member as AWS writes it: lower camel case.
        where = f"{path}{name[0].lower()}{name[1:]}"
        if value.get(name) is not None:
            yield from _violations(value[name], member, where)
        elif name in shape.required_members:
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _violations(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _members(value, shape, f"{where}.")
        return
    if isinstance(shape, ListShape):
        for number, item in enumerate(value, start=1):
            yield from _violations(item, shape.member, f"{where}.{number}.member")
        return
    for constraint in _broken(value, shape):
        yield f"Value '{_shown(value)}' at '{where}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _broken(value: Any, shape: Shape) -> Iterator[str]:
    size, measure = (len(value), "length") if isinstance(shape, StringShape) else (value, "value")
    if "max" in shape.metadata and size > shape.metadata["max"]:
        yield f"Member must have {measure} less than or equal to {shape.metadata['max']}"
    if "min" in shape.metadata and size < shape.metadata["min"]:
        yield f"Member must have {measure} greater than or equal to {shape.metadata['min']}"
    if not isinstance(shape, StringShape):
        return
    if shape.enum and value not in shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value, re.DOTALL):
        yield f"Member must satisfy regular expression pattern: {pattern}"
