"""Overdue devices, through Airflow's own runner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.fleet_server import connection
from tests.fakes.json_server import JsonServer
from tests.fakes.scripted_snowball import job, job_id
from tests.integration.airflow_runner import Run, run_dag

MODES = ["poke", "deferrable"]


class Arriving(JsonServer):
    """Each cluster has one device, which has arrived at the seventh listing of it."""

    def __init__(self) -> None:
        super().__init__()
        self.listings: Counter[str] = Counter()

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.listings[body["ClusterId"]] += 1
        arrived = self.listings[body["ClusterId"]] >= 7
        return 200, {"JobListEntries": [job(1, "WithCustomer" if arrived else "InTransitToCustomer")]}


@pytest.fixture(scope="module")
def overdue(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, list[str]]]:
    """Return the run, and what the notifier was told."""
    notes = tmp_path_factory.mktemp("overdue") / "notes"
    with Arriving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(server.endpoint_url))
        patch.setenv("OVERDUE_NOTES", str(notes))
        run = run_dag(airflow_home, Path(__file__).with_name("dags") / "overdue.py")
        yield run, notes.read_text().splitlines()


@pytest.mark.parametrize("mode", MODES)
class TestOverdue:
    @pytest.mark.parametrize("on_overdue", ["warn", "notify", "break_off", "break_off_once"])
    def test_the_wait_goes_on(self, on_overdue: str, mode: str, overdue: tuple[Run, list[str]]) -> None:
        run, _ = overdue
        task = f"{on_overdue}_{mode}", -1
        assert run.states[task] == "success"
        assert [entry["JobId"] for entry in run.xcoms[task]] == [job_id(1)]

    def test_fail_ends_it(self, mode: str, overdue: tuple[Run, list[str]]) -> None:
        run, _ = overdue
        assert run.states[f"fail_{mode}", -1] == "failed"

    def told(self, on_overdue: str, mode: str, overdue: tuple[Run, list[str]]) -> list[str]:
        """Return what a task's notifier was told of."""
        _, notes = overdue
        texts = [text for task, text in (note.split("|") for note in notes) if task == f"{on_overdue}_{mode}"]
        assert all(text.startswith(f"{job_id(1)} in InTransitToCustomer for ") for text in texts)
        return texts

    def test_the_notifier_is_told_once(self, mode: str, overdue: tuple[Run, list[str]]) -> None:
        assert len(self.told("notify", mode, overdue)) == 1

    def test_one_that_fails_is_told_at_the_next_poll(self, mode: str, overdue: tuple[Run, list[str]]) -> None:
        assert len(self.told("break_off", mode, overdue)) >= 2
        assert len(self.told("break_off_once", mode, overdue)) == 2
