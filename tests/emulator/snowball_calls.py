"""What the tests of the emulator have in common, besides the calls to its API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from airflow_provider_snowball.emulator import SnowballBackend, snowball_backends
from tests.emulator.api.calls import ACCOUNT

__all__ = ["backend", "eventually"]


def backend(region: str = "us-east-1", account: str = ACCOUNT) -> SnowballBackend:
    found: SnowballBackend = snowball_backends[account][region]
    return found


def eventually(condition: Callable[[], Any]) -> Any:
    """
    Return what a condition gives once it is true; for what other threads and processes do.

    That it takes too long is for a test that would never end.
    """
    deadline = time.monotonic() + 120
    while not (met := condition()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return met
