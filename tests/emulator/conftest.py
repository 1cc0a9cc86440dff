"""Clients of the local Snowball, in-process and over HTTP; botocore's model is held against each response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.config import Config
from botocore.model import OperationModel
from moto import mock_aws

from airflow_provider_snowball.emulator import snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import (
    CREDENTIALS,
    Connect,
    Jump,
    client_of,
)
from tests.emulator.api.shapes import check_answer


def check_response(http_response: Any, model: OperationModel, **_: Any) -> None:
    check_answer(
        http_response.status_code,
        json.loads(http_response.content),
        model,
        any_error=bool(snowball_faults.list()),
    )


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
