"""Whole DAGs through Airflow's own runner: mapping, rendering and handing on, and links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from tests.fakes.scripted_snowball import ScriptedSnowball, job, job_id
from tests.installed import is_installed
from tests.integration.airflow_runner import Run, run_dag

MODES = ["poke", "reschedule", "deferrable"]
#: Two devices have arrived and one has not.
JOBS = [job(1, "WithCustomer"), job(2, "WithCustomer"), job(3, "InTransitToCustomer")]
ALL = [job_id(1), job_id(2), job_id(3)]
ARRIVED = ALL[:2]


@pytest.fixture(scope="module")
def mapping(airflow_home: Path) -> Iterator[Run]:
    with ScriptedSnowball([JOBS]) as snowball, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
        yield run_dag(airflow_home, Path(__file__).with_name("dags") / "mapping.py")


def ids(run: Run, task_id: str, map_index: int = -1) -> list[str]:
    return [entry["JobId"] for entry in run.xcoms[task_id, map_index]]


class TestMapping:
    def test_a_list_is_filtered_and_portable(self, mapping: Run) -> None:
        assert mapping.xcoms["list_arrived", -1] == [
            {
                "JobId": job_id(number),
                "JobState": "WithCustomer",
                "IsMaster": False,
                "JobType": "LOCAL_USE",
                "SnowballType": "EDGE",
                "CreationDate": "2016-11-30T03:12:04+00:00",
                "Description": f"node-{number:03d}",
            }
            for number in (1, 2)
        ]

    def test_a_task_is_mapped_over_the_list(self, mapping: Run) -> None:
        assert [mapping.xcoms["copy", index] for index in (0, 1)] == ARRIVED
        assert ("copy", 2) not in mapping.states

    def test_the_operator_is_mapped_over_clusters(self, mapping: Run) -> None:
        assert [ids(mapping, "list_each", index) for index in (0, 1)] == [ALL, ALL]

    def test_a_wrong_cluster_fails_alone(self, mapping: Run) -> None:
        assert [mapping.states["list_one_wrong", index] for index in (0, 1)] == ["success", "failed"]

    def test_job_ids_come_from_another_task(self, mapping: Run) -> None:
        assert ids(mapping, "wait_for_some") == ARRIVED

    def test_a_wait_for_each_device(self, mapping: Run) -> None:
        assert [ids(mapping, "wait_for_each_device", index) for index in (0, 1)] == [[one] for one in ARRIVED]

    @pytest.mark.parametrize("mode", MODES)
    def test_a_sensor_is_mapped_over_clusters(self, mode: str, mapping: Run) -> None:
        assert [ids(mapping, f"wait_{mode}", index) for index in (0, 1)] == [ALL, ALL]

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(("suffix", "end"), [("one_wrong", "failed"), ("softly", "skipped")])
    def test_a_sensor_with_a_wrong_cluster_ends_alone(
        self, mode: str, suffix: str, end: str, mapping: Run
    ) -> None:
        task_id = f"wait_{mode}_{suffix}"
        assert [mapping.states[task_id, index] for index in (0, 1)] == ["success", end]


@pytest.fixture(scope="module")
def links(airflow_home: Path) -> Iterator[Run]:
    with ScriptedSnowball([[job(1, "WithCustomer")]]) as snowball, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
        yield run_dag(airflow_home, Path(__file__).with_name("dags") / "links.py")


AWS = "https://console.aws.amazon.com/snowfamily/home?region="
CHINA = "https://console.amazonaws.cn/snowfamily/home?region="
GOVERNMENT = "https://console.amazonaws-us-gov.com/snowfamily/home?region="


@pytest.mark.skipif(
    airflow_version.startswith("2.") and not is_installed(),
    reason="Airflow 2.11 knows the links of installed providers only",
)
class TestLinks:
    """The link to the console, as the UI of each line finds it."""

    @pytest.mark.parametrize(
        ("task_id", "map_index", "end", "address"),
        [
            ("list", -1, "success", f"{AWS}us-east-1"),
            ("list_in_china", -1, "success", f"{CHINA}cn-north-1"),
            ("list_each", 0, "success", f"{GOVERNMENT}us-gov-west-1"),
            ("list_each", 1, "success", f"{AWS}eu-north-1"),
            ("list_each", 2, "success", ""),
            ("unknown_connection", -1, "failed", ""),
        ],
    )
    def test_it_leads_to_the_region(
        self, task_id: str, map_index: int, end: str, address: str, links: Run
    ) -> None:
        assert links.states[task_id, map_index] == end
        assert links.links[task_id, map_index] == {"AWS Snow Family console": address}

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(
        ("suffix", "map_index", "end", "address"),
        [
            ("", -1, "success", f"{GOVERNMENT}us-gov-east-1"),
            ("_each", 0, "success", f"{AWS}us-east-1"),
            ("_each", 1, "success", f"{AWS}us-east-1"),
            # Deferred or rescheduled at least once.
            ("_in_vain", -1, "failed", f"{AWS}us-east-1"),
        ],
    )
    def test_in_every_mode(
        self, mode: str, suffix: str, map_index: int, end: str, address: str, links: Run
    ) -> None:
        self.test_it_leads_to_the_region(f"wait_{mode}{suffix}", map_index, end, address, links)
