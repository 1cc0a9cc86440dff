"""What a wait says, and when it says it."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_snowball.waiting.text import (
    LogLine,
    LogLines,
    capitalized,
    format_bytes,
    format_duration,
    write_lines,
)

HOUR = 3600
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", ""), ("job JIDa", "Job JIDa"), ("Cluster CIDb", "Cluster CIDb"), ("x", "X")],
)
def test_capitalized(text: str, sentence: str) -> None:
    assert capitalized(text) == sentence


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (0.123, "0.12 seconds"),
        (0.25, "0.25 seconds"),
        (0.999, "1 seconds"),
        (1, "1 second"),
        (1.5, "2 seconds"),
        (2, "2 seconds"),
        (2.4, "2 seconds"),
        (59.6, "1 minute"),
        (60, "1 minute"),
        (90, "1 minute 30 seconds"),
        (120, "2 minutes"),
        (HOUR, "1 hour"),
        (HOUR + 1, "1 hour 1 second"),
        (HOUR + 61, "1 hour 1 minute"),
        (1.5 * HOUR, "1 hour 30 minutes"),
        (1.5 * HOUR + 1, "1 hour 30 minutes"),
        (2 * HOUR, "2 hours"),
        (DAY, "1 day"),
        (DAY + 1, "1 day 1 second"),
        (DAY + 60, "1 day 1 minute"),
        (2 * DAY, "2 days"),
        (2 * DAY + 2 * HOUR + 2 * 60 + 2, "2 days 2 hours"),
        (90 * DAY, "90 days"),
        (400 * DAY + 3 * HOUR + 59, "400 days 3 hours"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


class TestLogLines:
    def test_news_is_info_unless_it_is_more(self) -> None:
        lines = LogLines()
        lines.add("one")
        lines.say("topic", "two")
        lines.add("three", logging.WARNING)
        lines.say("another", "four", logging.DEBUG)
        assert lines.take() == (
            LogLine(logging.INFO, "one"),
            LogLine(logging.INFO, "two"),
            LogLine(logging.WARNING, "three"),
            LogLine(logging.DEBUG, "four"),
        )
        assert lines.take() == ()

    def test_the_same_is_said_once(self) -> None:
        lines = LogLines()
        lines.say("topic", "news")
        lines.say("topic", "news")
        lines.say("topic", "other news")
        assert [line.text for line in lines.take()] == ["news", "other news"]

    def test_a_topic_is_forgotten_once(self) -> None:
        lines = LogLines()
        assert not lines.forget("topic")
        lines.say("topic", "news")
        assert lines.forget("topic")
        assert not lines.forget("topic")
        lines.say("topic", "news")
        assert [line.text for line in lines.take()] == ["news", "news"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999.49, "999 bytes"),
        (999.5, "1 kB"),
        (1_000, "1 kB"),
        (1_230_000, "1.23 MB"),
        (45_600_000_000, "45.6 GB"),
        (80_000_000_000_000, "80 TB"),
        (1_250_000_000_000_000, "1.2 PB"),
        (1_234_500_000_000_000_000, "1,234.5 PB"),
    ],
)
def test_format_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


def test_lines_are_written_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        # Nothing of a line is a placeholder.
        write_lines(
            [LogLine(logging.WARNING, "at 50 %s"), LogLine(logging.DEBUG, "%")], logging.getLogger("a wait")
        )
    assert [(each.levelno, each.getMessage(), each.msg) for each in caplog.records] == [
        (logging.WARNING, "at 50 %s", "%s"),
        (logging.DEBUG, "%", "%s"),
    ]
