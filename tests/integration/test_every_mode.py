"""
The scenario table: every mode ends alike for the same listings.

Each row goes through Airflow's own runner against a real HTTP server, and is judged by what the
database says: task state, try number, XCom, and the exception that the callbacks saw. What begins in a
triggerer does so in a real one, in tests/system/test_every_mode.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from tests.fakes.scripted_snowball import CLUSTER, Listing, ScriptedSnowball
from tests.fakes.sensor_clock import sensor_clock
from tests.integration.airflow_runner import MODES, run_sensor
from tests.integration.scenarios import CASES, DOWN, NEW, Kind, Row


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("kind", "row"), CASES.values(), ids=CASES)
def test_same_end_in_every_mode(
    kind: Kind, row: Row, mode: str, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with row.snowball() as snowball:
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", snowball.connection())
        # A wait that describes 249 jobs would wait for its turn for most of the time.
        monkeypatch.setenv("AIRFLOW__SNOWBALL__MAX_CALLS_PER_SECOND", "1000")
        outcome = run_sensor(airflow_home, row.arguments_of(kind) | MODES[mode])
    row.check(kind, outcome, snowball.polls)


@pytest.mark.parametrize("mode", MODES)
def test_unknown_connection_is_never_replaced_by_others(mode: str, airflow_home: Path) -> None:
    outcome = run_sensor(
        airflow_home,
        {"cluster_id": CLUSTER, "aws_conn_id": "nowhere_to_be_found"} | MODES[mode],
    )
    assert outcome.state == "failed"
    assert outcome.try_number == 1
    assert [name for name, _ in outcome.errors] == ["SnowballPermanentError"]
    assert "Airflow connection 'nowhere_to_be_found' cannot be found" in outcome.errors[0][1]


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_an_outage_may_be_retried(mode: str, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedSnowball([NEW, DOWN]) as snowball:
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", snowball.connection())
        outcome = run_sensor(
            airflow_home,
            {"cluster_id": CLUSTER, "poke_interval": 0.02, "outage_timeout": 0.2} | MODES[mode],
        )
    assert outcome.state == "failed"
    assert outcome.try_number == 2
    # The first try bore the outage for a while; the second never had an answer at all.
    assert [name for name, _ in outcome.errors] == ["SnowballOutageError", "ClientError"]
    assert outcome.errors[0][1] == (
        f"No listing of the jobs of cluster {CLUSTER} for 0.2 seconds (outage_timeout) [SNB406]; last error: "
        "ServiceUnavailable when calling ListClusterJobs: try later"
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.xfail(
    Version(airflow_version) < Version("3.3"),
    reason="before 3.3, Airflow has no place where a try can leave anything for the next",
    strict=True,
)
def test_timeout_counts_over_all_tries(
    mode: str, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = 3600.0
    # Three hours that end in an outage, and what is left of the five.
    listings: list[Listing] = [NEW, DOWN, DOWN, DOWN, NEW]
    with ScriptedSnowball(listings) as snowball, sensor_clock():
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", snowball.connection())
        outcome = run_sensor(
            airflow_home,
            {"cluster_id": CLUSTER, "poke_interval": hour, "outage_timeout": 2 * hour, "timeout": 5 * hour}
            | MODES[mode],
        )
    assert outcome.state == "failed"
    assert outcome.try_number == 2
    assert [name for name, _ in outcome.errors] == ["SnowballOutageError", "AirflowSensorTimeout"]
    assert outcome.errors[1][1].startswith("Timed out after 5 hours [SNB407]: ")
    assert snowball.polls == 4 + 3
