"""Generated histories: each mode ends as every other, and as a reference says that is written apart."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, seed, settings

from airflow_provider_snowball.waiting.machine import Done, Fail
from tests.properties.drives import MODES, Outcome, play, play_reference
from tests.properties.histories import History, histories
from tests.properties.profile import examples
from tests.properties.reference import Trouble, Verdict


def agree(outcome: Outcome, verdict: Verdict | None) -> None:
    """Assert that a wait came to what the reference says."""
    end = outcome.end
    if verdict is None:
        assert end is None, end
        return
    if verdict.kind == "done":
        assert isinstance(end, Done), (end, verdict)
        assert end.jobs == verdict.jobs
        return
    assert isinstance(end, Fail), (end, verdict)
    assert end.kind.value == verdict.kind, (end, verdict)
    for text in verdict.says:
        assert text in end.message
    if verdict.exactly is not None:
        assert end.message == verdict.exactly


@examples(2000)
@given(histories())
def test_every_mode_ends_as_the_reference_says(history: History) -> None:
    outcome, delays = play(history, "poke")
    for mode in MODES:
        assert play(history, mode) == (outcome, delays), mode
    polls, verdict = play_reference(history, delays)
    agree(outcome, verdict)
    assert polls == outcome.polls


def test_the_histories_are_of_every_kind() -> None:
    """Or the property above might hold for want of anything to tell."""
    verdicts, troubles = Counter[str](), Counter[str]()

    @seed(20261126)
    @settings(max_examples=600)
    @given(histories())
    def count(history: History) -> None:
        _, verdict = play_reference(history, play(history, "poke")[1])
        verdicts["goes on" if verdict is None else verdict.kind] += 1
        for poll in history.polls:
            if isinstance(poll.answer, Trouble):
                troubles[poll.answer.kind] += 1

    count()
    shares = {kind: number / verdicts.total() for kind, number in verdicts.items()}
    for kind in ("done", "unreachable", "cluster_ended", "permanent", "transient", "outage", "timeout"):
        assert shares.get(kind, 0) >= 0.005, shares
    assert shares["done"] >= 0.05
    assert min(troubles[kind] for kind in ("not found", "bad input", "denied", "transient")) >= 10, troubles
