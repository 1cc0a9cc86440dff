"""Holds an answer against the service model."""

from __future__ import annotations

from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StructureShape

#: Errors that any AWS service can answer; the model of a service does not list them.
COMMON_ERRORS = {"ValidationException", "UnknownOperationException"}
TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "timestamp": (int, float),
}


def check_answer(
    status: int, body: dict[str, Any], model: OperationModel, *, any_error: bool = False
) -> None:
    """
    Fail where an answer in JSON is none of the operation's.

    :param any_error: errors that the operation does not model are expected.
    """
    if status < 300:
        assert model.output_shape is not None
        walk(body, model.output_shape, model.name)
        return
    code = body.pop("__type")
    if code not in COMMON_ERRORS and not any_error:
        shapes = {shape.name: shape for shape in model.error_shapes}
        assert code in shapes, f"{model.name} does not model {code}"
        walk(body, shapes[code], f"{model.name} {code}")


def walk(value: Any, shape: Shape, where: str) -> None:
    """Fail where a response has a member that its shape lacks, lacks one it requires, or has another type."""
    if isinstance(shape, StructureShape):
        assert isinstance(value, dict), where
        assert set(value) <= set(shape.members), f"{where}: unknown members"
        assert set(shape.required_members) <= set(value), f"{where}: missing members"
        for name, item in value.items():
            walk(item, shape.members[name], f"{where}.{name}")
    elif isinstance(shape, ListShape):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            walk(item, shape.member, f"{where}[{number}]")
    else:
        assert isinstance(value, TYPES[shape.type_name]), f"{where}: {value!r} is no {shape.type_name}"
        assert isinstance(value, bool) == (shape.type_name == "boolean"), where
