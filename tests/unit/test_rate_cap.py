"""The cap on calls a second, on a clock moved by hand."""

from __future__ import annotations

import threading
import time

import pytest

from airflow_provider_snowball.triggers.rate_cap import RateCap, Stopped


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_an_even_flow() -> None:
    cap = RateCap(2.0, Clock())
    delays = [cap.reserve() for _ in range(14)]
    # Five seconds' worth at once, then a call each half second.
    assert delays[:10] == [0.0] * 10
    assert delays[10:] == pytest.approx([0.5, 1.0, 1.5, 2.0])


def test_a_pause_earns_the_burst_back_and_no_more() -> None:
    clock = Clock()
    cap = RateCap(2.0, clock)
    for _ in range(14):
        cap.reserve()
    clock.now += 3600.0
    assert [cap.reserve() for _ in range(11)] == pytest.approx([0.0] * 10 + [0.5])


def test_less_than_a_call_a_second() -> None:
    cap = RateCap(0.1, Clock())
    assert [cap.reserve() for _ in range(3)] == pytest.approx([0.0, 10.0, 20.0])


def test_closing_lets_those_go_who_wait() -> None:
    cap = RateCap(0.01)
    cap()
    outcome: list[object] = []

    def call() -> None:
        try:
            cap()
        except Stopped as stopped:
            outcome.append(stopped)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.2)
    assert outcome == []
    cap.close()
    thread.join(5)
    assert len(outcome) == 1
    with pytest.raises(Stopped, match="the last wait for this answer has ended"):
        cap()
