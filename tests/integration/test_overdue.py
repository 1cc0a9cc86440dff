"""Overdue devices, through Airflow's own runner."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_snowball.compat import remembers_between_pokes
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from tests.fakes.fleet_server import connection
from tests.fakes.json_server import JsonServer
from tests.fakes.scripted_snowball import CLUSTER, ScriptedSnowball, job, job_id
from tests.integration.airflow_runner import Run, run_dag

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[assignment, no-redef, unused-ignore]  # the same class

MODES = ["poke", "deferrable", *(["reschedule"] if remembers_between_pokes() else [])]
NEW, WAY, HERE = (job(1, state) for state in ("New", "InTransitToCustomer", "WithCustomer"))


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


class TestTriggererThatIsRestarted:
    """A trigger knows what it was stored with; all else has to go to a worker."""

    def defer(self, run: Any) -> dict[str, Any]:
        """Return the arguments of the trigger that a worker's run leaves behind, as Airflow stores them."""
        with pytest.raises(TaskDeferred) as deferred:
            run()
        stored: dict[str, Any] = json.loads(json.dumps(deferred.value.trigger.serialize()[1]))
        return stored

    def event(self, stored: dict[str, Any]) -> dict[str, Any]:
        async def run() -> list[dict[str, Any]]:
            trigger = ClusterJobsTrigger(**stored | {"next_poll": None})
            return [event.payload async for event in trigger.run()]

        [event] = asyncio.run(run())
        return json.loads(json.dumps(event))  # type: ignore[no-any-return]  # JSON

    def test_it_remembers_when_a_device_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[list[str]] = []
        with ScriptedSnowball([[NEW], [NEW], [WAY], [WAY], [WAY], [HERE]]) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
            task = ClusterJobsSensor(
                task_id="wait",
                cluster_id=CLUSTER,
                target_state="WithCustomer",
                poke_interval=0.01,
                max_days_in_state={"InTransitToCustomer": 1e-9},
                on_overdue=lambda context: told.append(context["overdue_jobs"]),
                deferrable=True,
            )
            stored = self.defer(lambda: task.execute({}))
            assert not [name for name in stored["memory"] if "InTransitToCustomer" in name]
            event = self.event(stored)
            assert (event["status"], event["overdue"]) == ("waiting", [])
            assert snowball.polls == 3
            stored = self.defer(lambda: task.execute_complete({}, event))
            since = stored["memory"][f"since {job_id(1)} InTransitToCustomer"]
            # From here on it is in each triggerer's arguments.
            event = self.event(stored)
            assert [each["job_id"] for each in event["overdue"]] == [job_id(1)]
            assert told == []
            stored = self.defer(lambda: task.execute_complete({}, event))
            assert [len(jobs) for jobs in told] == [1]
            assert stored["memory"][f"since {job_id(1)} InTransitToCustomer"] == since
            assert f"told {job_id(1)} InTransitToCustomer" in stored["memory"]
            event = self.event(stored)
            assert event["status"] == "done"
            assert task.execute_complete({}, event)[0]["JobId"] == job_id(1)
