"""What a fire waits for between its parts."""

from __future__ import annotations

import time
from collections.abc import Container
from pathlib import Path

from tests.system.fire.judge import all_are_told
from tests.system.fire.plan import ENDED, WAITING, Fire

__all__ = ["until_all_are_told", "until_all_have_ended", "until_all_have_polled"]

_ALL_POLL_WITHIN = 900.0
#: Seconds in which no task's state changes.
_STUCK_AFTER = 300.0
#: A rescheduled wait polls twice, by runs of a worker, where a notifier fails once.
_TOLD_WITHIN = 240.0


def until_all_have_polled(fire: Fire) -> None:
    """Wait until each wait has looked once, and each watcher."""
    clusters = {wait.cluster for wait in fire.cast.waits.values() if "cluster_id" in wait.arguments}
    clusters |= set(fire.cast.watched)
    jobs = {wait.name for wait in fire.cast.waits.values() if "job_ids" in wait.arguments}

    def all_have() -> bool:
        # One that is rescheduled polls now and then.
        jobs.difference_update(name for name, state in fire.states().items() if state in WAITING)
        return not jobs and clusters <= fire.deployment.snowball.polls().keys()

    fire.until(all_have, "all waits have polled", within=max(_ALL_POLL_WITHIN, fire.cast.timeout))


def until_all_are_told(fire: Fire, home: Path) -> None:
    """Wait until all is told that there is to tell, for some minutes: the judge says what is lacking."""
    deadline = time.monotonic() + _TOLD_WITHIN
    while not all_are_told(fire.cast, home) and time.monotonic() < deadline:
        fire.until_healthy()
        time.sleep(1)


def until_all_have_ended(fire: Fire, *, but_for: Container[str] = ()) -> None:
    """
    Wait until waits have ended, or nothing moves any more: the judge says what is lost.

    :param but_for: the names of those that need not have.
    """
    seen: dict[str, str | None] = {}
    # One that was killed as it ended may have begun anew, with all of its time.
    patience = fire.cast.timeout + _STUCK_AFTER
    stuck_at = time.monotonic() + patience
    while True:
        fire.until_healthy()
        states = fire.states()
        going = {name: state for name, state in states.items() if state not in ENDED and name not in but_for}
        if not going:
            return
        if states != seen:
            seen, stuck_at = states, time.monotonic() + patience
        if time.monotonic() > stuck_at:
            print(f"nothing has moved for {patience:g} s: {going}")
            return
        time.sleep(1)
