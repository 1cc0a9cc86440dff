"""
How many histories are generated, and from which seed, which is told where a test fails.

``HYPOTHESIS_PROFILE=fuzz`` is for fifty times as many; ``--hypothesis-seed=N`` for those of a run before.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, seed, settings

from tests.properties.profile import FACTOR, PROFILE

settings.register_profile(
    PROFILE,
    max_examples=500 * FACTOR,
    # Each run looks at others, and none at what an earlier one has left.
    database=None,
    # How fast a machine is makes nothing wrong.
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(PROFILE)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a test its seed, and have a failure tell it: hypothesis tells only how to get the last example."""
    function: Any = getattr(item, "obj", None)
    if not is_hypothesis_test(function):
        return
    number = item.config.getoption("--hypothesis-seed", default=None)
    if number is None:
        number = random.SystemRandom().getrandbits(32)
    seed(int(number))(getattr(function, "__func__", function))
    item.add_report_section("call", "hypothesis", f"all examples again: --hypothesis-seed={number}")
