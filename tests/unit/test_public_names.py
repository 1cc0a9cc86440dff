"""
What users may name, in code and elsewhere, is what public_names.txt says: no less, and no more.

After a change that is meant: ``python tests/unit/test_public_names.py`` writes the file anew, and the
changelog tells of the difference. With ``--keep``, before a release, the names and the stored forms that
there are become those that stay: kept_names.txt and kept_forms.txt.
"""

from __future__ import annotations

import enum
import hashlib
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, is_typeddict

import pytest

from airflow_provider_snowball.compat import BaseOperator
from airflow_provider_snowball.get_provider_info import get_provider_info
from airflow_provider_snowball.triggers import metrics
from airflow_provider_snowball.triggers.base import SnowballTrigger
from airflow_provider_snowball.triggers.events import event_of, interim_event_of
from airflow_provider_snowball.waiting.calls import ErrorKind, RequestError
from airflow_provider_snowball.waiting.changes import News
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, FailKind, Wait, drive
from airflow_provider_snowball.waiting.time_in_state import Overdue

PACKAGE = "airflow_provider_snowball"
FILE = Path(__file__).with_name("public_names.txt")
KEPT = Path(__file__).with_name("kept_names.txt")
STORED = Path(__file__).with_name("stored")
KEPT_FORMS = Path(__file__).with_name("kept_forms.txt")
CHECKOUT = Path(__file__).parents[2]
MODULES = (
    "exceptions",
    "hooks.snowball",
    "lifecycle",
    "links.snowball",
    "operators.cancel",
    "operators.create",
    "operators.snowball",
    "operators.verify_import",
    "sensors.snowball",
    "triggers.snowball",
    "triggers.watching",
)
EMULATOR_MODULES = ("emulator", "emulator.fixtures")
#: What base classes of Airflow, the amazon provider and moto ask for by these names.
ASKED_FOR = frozenset(
    {
        "conn_config",
        "conn_type",
        "get_client_type",
        "get_connection",
        "get_connection_form_widgets",
        "get_link",
        "get_ui_field_behaviour",
        "hook_name",
        "name",
        "test_connection",
        "xcom_key",
    }
)


#: What a backend of the emulator is made of, besides the API.
STORES = ("SteeredStore", "Store")


def names_of(modules: Iterable[str]) -> Iterator[str]:
    """Return modules, what they offer, and of that the parameters and members."""
    for module in modules:
        yield f"{PACKAGE}.{module}"
        content = importlib.import_module(f"{PACKAGE}.{module}")
        for name in content.__all__:
            yield f"{PACKAGE}.{module}.{name}"
            for rest in _within(getattr(content, name)):
                yield f"{PACKAGE}.{module}.{name}.{rest}"


def _within(thing: Any) -> Iterator[str]:
    """Return the parameters of a function; those of a class, and its members."""
    if inspect.isfunction(thing):
        yield from _parameters(thing)
    elif not inspect.isclass(thing) or issubclass(thing, BaseException):
        # A value, whose class is another name, or nothing but a name.
        return
    elif is_typeddict(thing):
        yield from thing.__annotations__
    elif issubclass(thing, enum.Enum):
        yield from thing.__members__
    elif issubclass(thing, BaseOperator):
        yield from _parameters(thing)
    elif issubclass(thing, SnowballTrigger):
        _, arguments = thing().serialize()
        yield from arguments
    else:
        yield from _parameters(thing)
        yield from _members(thing)


def _parameters(thing: Any) -> Iterator[str]:
    for name, parameter in inspect.signature(thing).parameters.items():
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            yield name


def _members(thing: Any) -> Iterator[str]:
    ours = [base for base in thing.__mro__ if base.__module__.startswith(PACKAGE)]
    if thing.__name__ == "SnowballBackend":
        # moto asks the backend for what the API has: what steers it is what it takes from its stores.
        ours = [base for base in ours if base.__name__ in STORES]
    for base in ours:
        for name, member in vars(base).items():
            if name.startswith("_") or name in ASKED_FOR:
                continue
            function = getattr(member, "__func__", member)
            parameters = (
                [each for each in _parameters(function) if each not in ("self", "cls")]
                if inspect.isfunction(function)
                else []
            )
            if base.__name__ in STORES and not {"job_id", "cluster_id"} & set(parameters):
                continue
            yield name
            for parameter in parameters:
                yield f"{name}.{parameter}"


def memory_keys() -> Iterator[str]:
    """Return the keys of what a wait remembers; they are stored with triggers and tasks."""
    asked = {"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000", "tell_changes": True}
    for memory in _memories(json.loads(file.read_text()) for file in STORED.iterdir()):
        known = {key: value for key, value in memory.items() if isinstance(value, str)}
        for key in Wait(WaitConfig.read(asked), started_at=datetime.now(UTC), memory=known).memory():
            name, space, rest = key.partition(" ")
            yield (
                f"memory.{name} {' '.join(['JOB', 'STATE'][: len(rest.split())])}"
                if space
                else f"memory.{name}"
            )


def _memories(stored: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Return what waits remember, wherever it is in stored forms."""
    for each in stored:
        if isinstance(each, dict):
            if "started_at" in each:
                yield each
            yield from _memories(each.values())


def _news() -> News | None:
    """Return what there is to tell of a device that has moved."""
    asked = {"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000", "tell_changes": True}
    wait = Wait(WaitConfig.read(asked), started_at=datetime.now(UTC))
    for state in ("New", "Pending"):
        listing = [{"JobId": "J1", "JobState": state}]
        step = drive(wait.judge(listing, lambda: datetime.now(UTC)), lambda _: {})
    return step.news


def event_keys() -> Iterator[str]:
    """Return the keys and the fixed values of the events that triggers fire."""
    overdue = (Overdue("J1", "New", 2.0, 1.0),)
    events = [
        event_of(Done([]), region="us-east-1", local_url="http://127.0.0.1:5000/_snowball/jobs"),
        *(event_of(Fail(kind, "")) for kind in FailKind),
        event_of(Fail(FailKind.TIMEOUT, "", overdue=overdue), try_number="1"),
        interim_event_of(Again(1.0, overdue=overdue, news=_news()), memory={}),
    ]
    for event in events:
        for key, value in event.items():
            yield f"event.{key}"
            if key in ("status", "kind"):
                yield f"event.{key}.{value}"
        for each in event.get("overdue", ()):
            yield from (f"event.overdue.{key}" for key in each)
        if news := event.get("news"):
            yield from (f"event.news.{key}" for key in news)
            yield from (f"event.news.changes.{key}" for key in news["changes"][0])
            yield from (f"event.news.devices.{key}" for key in news["devices"][0])


class _Stats:
    """Takes the place of Airflow's, and notes the names of metrics."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def incr(self, stat: str, count: int = 1, **more: Any) -> None:
        self.names.add(stat)

    def gauge(self, stat: str, value: float, **more: Any) -> None:
        self.names.add(stat)


def metric_names() -> Iterator[str]:
    """Return the names of Airflow's metrics that triggers and sensors count."""
    stats = _Stats()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "Stats", stats)
        metrics.wait_began()
        metrics.wait_ended()
        metrics.count_overdue(1)
        metrics.count_notifier_error()
        now = datetime.now(UTC)
        metrics.count_late_end(now - timedelta(minutes=1), now)
        client = metrics.ClientMetrics({"aws_conn_id": "CONNECTION", "region_name": "REGION"})
        client.poll()
        client.success()
        client.error(RequestError(ErrorKind.TRANSIENT, "", code="CODE", throttled=True))
    yield from stats.names


def option_names() -> Iterator[str]:
    """Return the options of Airflow's configuration."""
    for section, content in get_provider_info()["config"].items():
        yield from (f"[{section}] {option}" for option in content["options"])


def message_codes() -> Iterator[str]:
    """Return the codes of messages; test_messages.py holds the page to what the package says."""
    yield from re.findall(r"^\| (SNB\d{3}) ", (CHECKOUT / "docs" / "messages.md").read_text(), re.MULTILINE)


SECTIONS = {
    "Modules, and in them classes with their parameters and members, functions with their parameters": (
        lambda: names_of(MODULES)
    ),
    "The same of the emulator, with the extra of that name": lambda: names_of(EMULATOR_MODULES),
    "Keys of a wait's memory, in a trigger's arguments and in a task's state store": memory_keys,
    "Keys of trigger events, and the values of some": event_keys,
    "Metrics, through Airflow's own": metric_names,
    "Options of Airflow's configuration": option_names,
    "Codes of messages": message_codes,
}
EMULATORS = list(SECTIONS)[1]


def read(file: Path = FILE) -> dict[str, list[str]]:
    """Return the names in a file by the comment above them."""
    found: dict[str, list[str]] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        if line.startswith("# "):
            names = found.setdefault(line.removeprefix("# "), [])
        elif line:
            names.append(line)
    return found


def test_there_are_these_sections() -> None:
    assert list(read()) == list(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
class TestSection:
    def test_one_name_a_line_sorted(self, section: str) -> None:
        names = read()[section]
        assert names == sorted(set(names))

    def test_what_there_is_and_nothing_else(self, section: str) -> None:
        if section == EMULATORS and find_spec("moto") is None:
            pytest.skip("the extra emulator is not installed")
        there_is, listed = set(SECTIONS[section]()), set(read()[section])
        assert {"gone": sorted(listed - there_is), "not listed": sorted(there_is - listed)} == {
            "gone": [],
            "not listed": [],
        }


class TestWhatWasReleased:
    """What there was in a release stays: whoever takes it away has to deprecate it first."""

    @pytest.mark.parametrize("section", read(KEPT))
    def test_names_stay(self, section: str) -> None:
        assert set(read(KEPT)[section]) - set(read()[section]) == set()

    def test_stored_forms_stay_as_they_were(self) -> None:
        there = forms()
        assert {name: there.get(name) for name in kept_forms()} == kept_forms()

    @pytest.mark.parametrize("section", SECTIONS)
    def test_what_is_new_is_in_the_changelog(self, section: str) -> None:
        _, _, rest = (CHECKOUT / "CHANGELOG.md").read_text().partition("## Unreleased")
        unreleased, _, _ = rest.partition("\n## ")
        new = set(read()[section]) - set(read(KEPT).get(section, ()))
        words = set(re.findall(r"\w+", unreleased))
        assert [
            each for each in sorted(new) if re.findall(r"\w+", each.partition(" JOB")[0])[-1] not in words
        ] == []


def forms() -> dict[str, str]:
    """Return the digests of the stored forms by the names of their files."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(STORED.iterdir())}


def kept_forms() -> dict[str, str]:
    """Return the same of those that were released."""
    lines = KEPT_FORMS.read_text().splitlines() if KEPT_FORMS.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _keep() -> None:
    gone = kept_forms().items() - forms().items()
    gone_names = {name for names in read(KEPT).values() for name in names} - set(
        FILE.read_text().splitlines()
    )
    if gone or gone_names:
        sys.exit(f"what was released is gone, or is another: {sorted(gone_names)}, {sorted(gone)}")
    KEPT.write_text(FILE.read_text())
    KEPT_FORMS.write_text("".join(f"{digest}  {name}\n" for name, digest in forms().items()))


def _write() -> None:
    FILE.write_text(
        "\n".join(
            "\n".join([f"# {section}", *sorted(set(names())), ""]) for section, names in SECTIONS.items()
        )
    )


if __name__ == "__main__":
    _write()
    if sys.argv[1:] == ["--keep"]:
        _keep()
