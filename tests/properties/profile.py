"""How many examples a test takes."""

from __future__ import annotations

import os

from hypothesis import settings

__all__ = ["FACTOR", "PROFILE", "examples"]

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
#: By how much more is generated than in CI.
FACTOR = {"ci": 1, "fuzz": 50}[PROFILE]


def examples(in_ci: int) -> settings:
    """Return the settings of a test that takes so many examples in CI, and more in other profiles."""
    return settings(max_examples=in_ci * FACTOR)
