"""What a wait says, and when it says it."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_snowball.waiting.text import LogLine, LogLines, capitalized, format_duration

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
