"""
Fixtures for pytest: ``pytest_plugins = ["airflow_provider_snowball.emulator.fixtures"]`` in a conftest.py.

Named, and not an entry point of pytest, so that they are loaded where they are wanted only. ::

    def test_pipeline(snowball_server):
        cluster_id = order_cluster()            # the pipeline under test, in this or another process
        snowball_server.clock.jump("10d")       # or set_speed("2d/s"), under which it runs by itself
        ...

``snowball_mock`` is in-process, beside moto's other services; ``snowball_server`` speaks HTTP, which
other processes, the AWS CLI and clients that moto does not intercept (aiobotocore) can reach, too.
Both begin empty with simulated time standing still, and hide the credentials of whoever runs the test:
Airflow's connection ``aws_default`` is one without any, too. Whatever waits for jobs, such as a sensor under
``dag.test()``, needs the clock to run; it asks once a second, if its DAG is imported after the fixture began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from . import Clock, Faults, SnowballBackend, snowball_backends, snowball_clock, snowball_faults
from .server import SnowballServer

__all__ = ["Emulator", "snowball_mock", "snowball_server"]

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True)
class Emulator:
    """
    What a test holds of the emulator.

    :param endpoint_url: where it is served, None in-process.
    """

    endpoint_url: str | None = None

    @property
    def clock(self) -> Clock:
        """The simulated time, which is paused: ``set_speed("1d/s")`` or ``resume()`` start it."""
        return snowball_clock

    @property
    def faults(self) -> Faults:
        """What goes wrong with requests."""
        return snowball_faults

    def backend(self, region_name: str = REGION, account_id: str = ACCOUNT) -> SnowballBackend:
        """Return the backend of an account and region, which steers jobs: ``delay``, ``hold`` and so on."""
        backend: SnowballBackend = snowball_backends[account_id][region_name]
        return backend

    def client(self, service_name: str = "snowball", region_name: str = REGION, **options: Any) -> Any:
        """Return a boto3 client of this or another of moto's services."""
        make: Any = boto3.client  # typed by the service's literal name only
        return make(service_name, region_name, endpoint_url=self.endpoint_url, **options)


@pytest.fixture
def snowball_mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Serve Snowball in-process, within ``mock_aws``."""
    _hide_settings(monkeypatch)
    with mock_aws():
        yield from _standing_still(Emulator())


@pytest.fixture
def snowball_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Serve Snowball over HTTP; the environment leads all AWS clients of the test to it."""
    _hide_settings(monkeypatch)
    with SnowballServer() as server:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SNOWBALL"):
            monkeypatch.setenv(name, server.endpoint_url)
        yield from _standing_still(Emulator(server.endpoint_url))


def _standing_still(emulator: Emulator) -> Iterator[Emulator]:
    snowball_clock.pause()
    try:
        yield emulator
    finally:
        snowball_faults.clear()
        snowball_clock.reset()


def _hide_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Of a wait that the test runs: it asks as often as Airflow lets it, and finds a connection.
        "AIRFLOW__SNOWBALL__POKE_INTERVAL": "1",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
    }.items():
        monkeypatch.setenv(name, value)
    # A session that was made before knows the settings that were there before.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
