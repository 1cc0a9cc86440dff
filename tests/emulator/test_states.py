"""What is written twice on purpose is the same: states of the emulator's API, stations of the two pages."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest

import airflow_provider_snowball
from airflow_provider_snowball import lifecycle
from airflow_provider_snowball.emulator.api import states

PACKAGE = Path(airflow_provider_snowball.__file__).parent
PAGES = [PACKAGE / "emulator" / "page" / "rehearsal.js", PACKAGE / "plugin" / "page" / "devices.js"]


@pytest.mark.parametrize("name", ["JobState", "JobType", "ClusterState"])
def test_names(name: str) -> None:
    ours, known = getattr(states, name), getattr(lifecycle, name)
    assert {each.name: each.value for each in ours} == {each.name: each.value for each in known}


def test_paths() -> None:
    ours, known = (
        {str(kind): [str(state) for state in path] for kind, path in paths.items()}
        for paths in (states.PATHS, lifecycle.PATHS)
    )
    assert ours == known


def test_how_far_a_state_is() -> None:
    """But for Cancelled as a target, of which only who waits speaks."""
    targets = [state for state in states.JobState if state is not states.JobState.CANCELLED]
    for state, target, job_type in product([*states.JobState, "Teleporting"], targets, states.JobType):
        known = lifecycle.is_at_or_past(state, lifecycle.JobState(target), job_type)
        assert states.is_at_or_past(state, target, job_type) is known, (state, target, job_type)


def constant(page: Path, name: str) -> str:
    found = re.search(rf"^const {name} = (.*?);$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert found, page
    return found[1]


def test_stations_of_both_pages() -> None:
    for name in ("STATIONS", "OF_AN_EXPORT"):
        ours, known = (json.loads(constant(page, name)) for page in PAGES)
        assert ours == known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_stations_are_the_paths(page: Path) -> None:
    stations = json.loads(constant(page, "STATIONS"))
    of_an_export = json.loads(constant(page, "OF_AN_EXPORT"))
    for job_type, path in lifecycle.PATHS.items():
        names = of_an_export if job_type is lifecycle.JobType.EXPORT else list(stations)
        assert [state for name in names for state in stations[name]] == list(path)
