"""Faults that are seeded into the package are found by the comparison with the reference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import find, settings

from airflow_provider_snowball import lifecycle
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Wait
from tests.properties.drives import play, play_reference
from tests.properties.histories import History, histories
from tests.properties.test_pure import agree


def equality_for_at_or_past(patch: pytest.MonkeyPatch) -> None:
    """A device that arrived and left again between two polls is waited for for ever."""
    patch.setattr(lifecycle, "is_at_or_past", lambda state, target, _type: state == target)


def min_jobs_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """An empty listing, or a part of one, is all there."""
    judge = WaitConfig.judge

    def without(self: WaitConfig, *arguments: Any) -> Any:
        object.__setattr__(self, "min_jobs", 1)
        return judge(self, *arguments)

    patch.setattr(WaitConfig, "judge", without)


def an_outage_counts_from_the_last_listing(patch: pytest.MonkeyPatch) -> None:
    """A single failed poll after a long delay ends a wait."""

    def since_the_listing(self: Any, now: Any) -> float:
        self._failing_since = self._failing_since or self._listed_at or now
        return float((now - self._failing_since) / timedelta(seconds=1))

    patch.setattr(Wait, "_fail_at", since_the_listing)


def differs(history: History) -> bool:
    """Tell whether a wait comes to something else than the reference says."""
    try:
        outcome, delays = play(history, "poke")
        polls, verdict = play_reference(history, delays)
        agree(outcome, verdict)
        assert polls == outcome.polls
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(
    "seed_fault",
    [equality_for_at_or_past, min_jobs_is_ignored, an_outage_counts_from_the_last_listing],
    ids=lambda fault: fault.__name__,
)
def test_it_is_found(
    seed_fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_fault(monkeypatch)
    # Raises NoSuchExample if there is none among so many; it need not be the smallest.
    assert find(
        histories(), differs, settings=settings(max_examples=3000, phases=list(settings().phases)[:3])
    )
