"""
What users may name, in code and elsewhere, is what public_names.txt says: no less, and no more.

After a change that is meant: ``python tests/unit/test_public_names.py`` writes the file anew, and the
changelog tells of the difference.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
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
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, FailKind, Wait
from airflow_provider_snowball.waiting.time_in_state import Overdue

PACKAGE = "airflow_provider_snowball"
FILE = Path(__file__).with_name("public_names.txt")
STORED = Path(__file__).with_name("stored")
MODULES = (
    "exceptions",
    "hooks.snowball",
    "lifecycle",
    "links.snowball",
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
        # moto asks the backend for what the API has: what steers it is what it takes from its store.
        ours = [base for base in ours if base.__name__ == "Store"]
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
            if base.__name__ == "Store" and not {"job_id", "cluster_id"} & set(parameters):
                continue
            yield name
            for parameter in parameters:
                yield f"{name}.{parameter}"


def memory_keys() -> Iterator[str]:
    """Return the keys of what a wait remembers; they are stored with triggers and tasks."""
    state = json.loads((STORED / "task_state_v1.json").read_text())
    state.pop("try_number")
    config = WaitConfig.read({"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000"})
    for key in Wait(config, started_at=datetime.now(UTC), memory=state).memory():
        name, space, _ = key.partition(" ")
        yield f"memory.{name} JOB STATE" if space else f"memory.{name}"


def event_keys() -> Iterator[str]:
    """Return the keys and the fixed values of the events that triggers fire."""
    overdue = (Overdue("J1", "New", 2.0, 1.0),)
    events = [
        event_of(Done([]), region="us-east-1", local_url="http://127.0.0.1:5000/_snowball/jobs"),
        *(event_of(Fail(kind, "")) for kind in FailKind),
        interim_event_of(Again(1.0, overdue=overdue), memory={}),
    ]
    for event in events:
        for key, value in event.items():
            yield f"event.{key}"
            if key in ("status", "kind"):
                yield f"event.{key}.{value}"
        for each in event.get("overdue", ()):
            yield from (f"event.overdue.{key}" for key in each)


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


SECTIONS = {
    "Modules, and in them classes with their parameters and members, functions with their parameters": (
        lambda: names_of(MODULES)
    ),
    "The same of the emulator, with the extra of that name": lambda: names_of(EMULATOR_MODULES),
    "Keys of a wait's memory, in a trigger's arguments and in a task's state store": memory_keys,
    "Keys of trigger events, and the values of some": event_keys,
    "Metrics, through Airflow's own": metric_names,
    "Options of Airflow's configuration": option_names,
}
EMULATORS = list(SECTIONS)[1]


def read() -> dict[str, list[str]]:
    """Return the names in the file by the comment above them."""
    found: dict[str, list[str]] = {}
    for line in FILE.read_text().splitlines():
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


def _write() -> None:
    FILE.write_text(
        "\n".join(
            "\n".join([f"# {section}", *sorted(set(names())), ""]) for section, names in SECTIONS.items()
        )
    )


if __name__ == "__main__":
    _write()
