"""Changes of devices, told through Airflow's own runner in every mode that can remember."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_snowball.compat import remembers_between_pokes
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from tests.fakes.fleet_server import connection
from tests.fakes.json_server import JsonServer
from tests.fakes.scripted_snowball import CLUSTER, job, job_id
from tests.integration.airflow_runner import Run, run_dag

MODES = ["poke", "deferrable", *(["reschedule"] if remembers_between_pokes() else [])]
#: What each device is at each listing; what is last stays.
STATES = [
    ("New", "New"),
    ("New", "New"),
    ("InTransitToCustomer", "New"),
    ("InTransitToCustomer", "New"),
    ("WithCustomer", "InTransitToCustomer"),
    ("WithCustomer", "InTransitToCustomer"),
    ("InTransitToAWS", "WithCustomer"),
]
TEXTS = [
    [f"{job_id(1)}: New -> InTransitToCustomer"],
    # Those that are waited for come first.
    [f"{job_id(2)}: New -> InTransitToCustomer", f"{job_id(1)}: InTransitToCustomer -> WithCustomer"],
    [f"{job_id(1)}: WithCustomer -> InTransitToAWS", f"{job_id(2)}: InTransitToCustomer -> WithCustomer"],
]


class Walking(JsonServer):
    """Each cluster has two devices, which walk on from listing to listing of it."""

    def __init__(self) -> None:
        super().__init__()
        self.listings: Counter[str] = Counter()

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        states = STATES[min(self.listings[body["ClusterId"]], len(STATES) - 1)]
        self.listings[body["ClusterId"]] += 1
        entries = [job(number, state, Description="") for number, state in enumerate(states, 1)]
        return 200, {"JobListEntries": entries}


@pytest.fixture(scope="module")
def changes(
    airflow_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Run, list[dict[str, Any]]]]:
    """Return the run, and what somebody was told."""
    notes = tmp_path_factory.mktemp("changes") / "notes"
    with Walking() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(server.endpoint_url))
        patch.setenv("CHANGES_NOTES", str(notes))
        run = run_dag(airflow_home, Path(__file__).with_name("dags") / "changes.py")
        yield run, [json.loads(line) for line in notes.read_text().splitlines()]


@pytest.mark.parametrize("mode", MODES)
class TestChanges:
    @pytest.mark.parametrize("told", ["note", "break_off", "break_off_once", "pager", "publish"])
    def test_the_wait_ends_as_any_other(self, told: str, mode: str, changes: Any) -> None:
        run, _ = changes
        task = f"{told}_{mode}", -1
        assert run.states[task] == "success"
        assert [entry["JobId"] for entry in run.xcoms[task]] == [job_id(1), job_id(2)]

    @pytest.mark.parametrize("told", ["note", "break_off", "break_off_once", "pager", "publish"])
    def test_its_devices_are_an_xcom(self, told: str, mode: str, changes: Any) -> None:
        run, _ = changes
        devices = run.devices[f"{told}_{mode}", -1]
        assert [(each["job_id"], each["state"], each["outlook"]) for each in devices] == [
            (job_id(1), "InTransitToAWS", "reached"),
            (job_id(2), "WithCustomer", "reached"),
        ]

    def told(self, task: str, changes: Any) -> list[dict[str, Any]]:
        _, notes = changes
        return [note for note in notes if note["task"] == task]

    def test_each_change_is_told_once_and_those_of_a_poll_together(self, mode: str, changes: Any) -> None:
        told = self.told(f"note_{mode}", changes)
        assert [[each["text"] for each in note["changes"]] for note in told] == TEXTS
        ids = [each["id"] for note in told for each in note["changes"]]
        assert len(set(ids)) == len(ids) == 5
        tables = [{each["job_id"]: each["state"] for each in note["devices"]} for note in told]
        assert [(table[job_id(1)], table[job_id(2)]) for table in tables] == [STATES[2], STATES[4], STATES[6]]

    def test_a_notifier_that_fails_is_told_again_of_the_same(self, mode: str, changes: Any) -> None:
        told = self.told(f"break_off_once_{mode}", changes)
        assert [[each["text"] for each in note["changes"]] for note in told] == [TEXTS[0], *TEXTS]
        first, second = ([each["id"] for each in note["changes"]] for note in told[:2])
        assert first == second

    def test_one_that_always_fails_is_told_of_all_that_it_was_not(self, mode: str, changes: Any) -> None:
        told = self.told(f"break_off_{mode}", changes)
        assert [each["text"] for each in told[-1]["changes"]] == [
            f"{job_id(1)}: New -> InTransitToAWS",
            f"{job_id(2)}: New -> WithCustomer",
        ]
        # At the end there is no later poll: so often at once.
        assert [note["changes"] for note in told[-3:]] == [told[-1]["changes"]] * 3

    def test_a_notifier_renders_its_templates(self, mode: str, changes: Any) -> None:
        told = self.told(f"pager_{mode}", changes)
        assert [note["message"] for note in told] == [", ".join(texts) for texts in TEXTS]


def test_reschedule_mode_needs_a_place_to_remember() -> None:
    """Airflow 3.3 and later have one."""
    refused: Any = pytest.raises(ValueError, match="on_change has nothing to compare with in reschedule mode")
    with nullcontext() if remembers_between_pokes() else refused:
        ClusterJobsSensor(task_id="wait", cluster_id=CLUSTER, on_change=print)
    ClusterJobsSensor(task_id="published", cluster_id=CLUSTER, publish_devices=True)


@pytest.mark.parametrize("value", ["page me", 1, True])
def test_what_cannot_be_called(value: Any) -> None:
    with pytest.raises(ValueError, match=f"on_change must be a notifier, or a function .*; got {value!r}"):
        ClusterJobsSensor(task_id="wait", cluster_id=CLUSTER, on_change=value, deferrable=True)
