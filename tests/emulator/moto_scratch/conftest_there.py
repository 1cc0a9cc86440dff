"""Clients of a moto that has Snowball, for the tests of the API; the clock is one that they move."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.config import Config
from botocore.model import OperationModel
from moto import mock_aws

from tests.emulator.api.calls import CREDENTIALS, Connect, Jump, client_of
from tests.emulator.api.shapes import check_answer

UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class MovedClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def date(self) -> datetime:
        return datetime.now(timezone.utc).replace(microsecond=0)

    def jump(self, duration: str) -> None:
        found = re.fullmatch(r"(\d+)([dhm])", duration)
        assert found, duration
        self.seconds += timedelta(**{UNITS[found[2]]: int(found[1])}).total_seconds()


def check_response(http_response: Any, model: OperationModel, **_: Any) -> None:
    check_answer(http_response.status_code, json.loads(http_response.content), model)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    moved = MovedClock()
    backends = importlib.import_module("moto.snowball.models")
    monkeypatch.setattr(backends.SnowballBackend, "clock", moved)
    return moved


@pytest.fixture
def jump(clock: MovedClock) -> Jump:
    return clock.jump


@pytest.fixture
def connect(clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():

        def connect(
            region: str = "us-east-1", service: str = "snowball", credentials: dict[str, str] = CREDENTIALS
        ) -> Any:
            client = client_of(
                service=service,
                region=region,
                credentials=credentials,
                config=Config(retries={"mode": "standard", "max_attempts": 3}),
            )
            client.meta.events.register("after-call.snowball.*", check_response)
            return client

        yield connect


@pytest.fixture
def client(connect: Connect) -> Any:
    return connect()


def pytest_sessionfinish() -> None:
    strangers = {name.partition(".")[0] for name in sys.modules} & {"airflow", "airflow_provider_snowball"}
    assert not strangers, f"moto has no {strangers}"
