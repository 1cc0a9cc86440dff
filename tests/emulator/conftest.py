"""Clients of the local Snowball, in-process and over HTTP; botocore's model is held against each response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.config import Config
from botocore.model import ListShape, OperationModel, Shape, StructureShape
from moto import mock_aws

from airflow_provider_snowball.emulator import snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import (
    CREDENTIALS,
    Connect,
    Jump,
    client_of,
)

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


def check_response(http_response: Any, model: OperationModel, **_: Any) -> None:
    body = json.loads(http_response.content)
    if http_response.status_code < 300:
        assert model.output_shape is not None
        walk(body, model.output_shape, model.name)
        return
    code = body.pop("__type")
    if code not in COMMON_ERRORS and not snowball_faults.list():
        shapes = {shape.name: shape for shape in model.error_shapes}
        assert code in shapes, f"{model.name} does not model {code}"
        walk(body, shapes[code], f"{model.name} {code}")


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "MOTO_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["in-process", "server"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """``connect(region=..., service=..., credentials=...)``: a client; simulated time stands still."""
    with ExitStack() as stack:
        endpoint_url = None
        if request.param == "server":
            endpoint_url = stack.enter_context(SnowballServer()).endpoint_url
        else:
            stack.enter_context(mock_aws())
        snowball_clock.pause()
        stack.callback(snowball_clock.reset)
        stack.callback(snowball_faults.clear)

        def connect(
            region: str = "us-east-1", service: str = "snowball", credentials: dict[str, str] | None = None
        ) -> Any:
            client = client_of(
                endpoint_url,
                service=service,
                region=region,
                credentials=credentials or CREDENTIALS,
                config=Config(retries={"mode": "standard", "max_attempts": 3}),
            )
            client.meta.events.register("after-call.snowball.*", check_response)
            return client

        yield connect


@pytest.fixture
def jump(connect: Connect) -> Jump:
    """Let simulated time pass."""
    return snowball_clock.jump


@pytest.fixture
def client(connect: Connect) -> Any:
    return connect()
