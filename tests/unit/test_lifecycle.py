"""
The verdict on a listing.

The tables are typed from the order of states that AWS documents ("Statuses of Snowball Edge jobs" of the
AWS Snowball Edge developer guide), not derived from the code that they test.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import botocore.session
import pytest

from airflow_provider_snowball.lifecycle import (
    PATHS,
    ArgumentError,
    ClusterState,
    JobListEntry,
    JobState,
    JobType,
    Progress,
    evaluate,
    is_at_or_past,
    parse_cluster_state,
    parse_state,
    portable,
)

IMPORT_PATH = [
    "New", "Listing", "Pending", "PreparingAppliance", "PreparingShipment", "InTransitToCustomer",
    "WithCustomer", "InTransitToAWS", "WithAWSSortingFacility", "WithAWS", "InProgress", "Complete",
]  # fmt: skip
EXPORT_PATH = [
    "New", "Listing", "Pending", "PreparingAppliance", "InProgress", "PreparingShipment",
    "InTransitToCustomer", "WithCustomer", "InTransitToAWS", "WithAWSSortingFacility", "WithAWS", "Complete",
]  # fmt: skip
STATES = (*IMPORT_PATH, "Cancelled")
NOT_STATES = ("Shipped", "complete", "")

# Target by target: the states of a job that has reached it.
# fmt: off
IMPORT = {
    "New":
        "New Listing Pending PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "Listing":
        "Listing Pending PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "Pending":
        "Pending PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "PreparingAppliance":
        "PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "PreparingShipment":
        "PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "InTransitToCustomer":
        "InTransitToCustomer WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "WithCustomer":
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "InTransitToAWS":
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "WithAWSSortingFacility":
        "WithAWSSortingFacility WithAWS InProgress Complete",
    "WithAWS":
        "WithAWS InProgress Complete",
    "InProgress":
        "InProgress Complete",
    "Complete":
        "Complete",
    "Cancelled":
        "Cancelled",
}
EXPORT = {
    "New":
        "New Listing Pending PreparingAppliance InProgress PreparingShipment InTransitToCustomer "
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "Listing":
        "Listing Pending PreparingAppliance InProgress PreparingShipment InTransitToCustomer "
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "Pending":
        "Pending PreparingAppliance InProgress PreparingShipment InTransitToCustomer "
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "PreparingAppliance":
        "PreparingAppliance InProgress PreparingShipment InTransitToCustomer "
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "InProgress":
        "InProgress PreparingShipment InTransitToCustomer "
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "PreparingShipment":
        "PreparingShipment InTransitToCustomer "
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "InTransitToCustomer":
        "InTransitToCustomer WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "WithCustomer":
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "InTransitToAWS":
        "InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "WithAWSSortingFacility":
        "WithAWSSortingFacility WithAWS Complete",
    "WithAWS":
        "WithAWS Complete",
    "Complete":
        "Complete",
    "Cancelled":
        "Cancelled",
}
# Without a known type a job has reached only what it has reached as an import and as an export:
# InProgress says too little to be past the shipment, and the journey too little to be past InProgress.
UNKNOWN = {
    "New":
        "New Listing Pending PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "Listing":
        "Listing Pending PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "Pending":
        "Pending PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "PreparingAppliance":
        "PreparingAppliance PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS InProgress Complete",
    "PreparingShipment":
        "PreparingShipment InTransitToCustomer WithCustomer "
        "InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "InTransitToCustomer":
        "InTransitToCustomer WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "WithCustomer":
        "WithCustomer InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "InTransitToAWS":
        "InTransitToAWS WithAWSSortingFacility WithAWS Complete",
    "WithAWSSortingFacility":
        "WithAWSSortingFacility WithAWS Complete",
    "WithAWS":
        "WithAWS Complete",
    "InProgress":
        "InProgress Complete",
    "Complete":
        "Complete",
    "Cancelled":
        "Cancelled",
}
# fmt: on
REACHED_BY = {
    "IMPORT": IMPORT,
    # As an import; InProgress is not expected of it, but has the same place.
    "LOCAL_USE": IMPORT,
    "EXPORT": EXPORT,
    "RESTORE": UNKNOWN,
    None: UNKNOWN,
}
EVERY_TYPE_AND_TARGET = [
    pytest.param(job_type, target, set(states.split()), id=f"{job_type or 'no type'}-{target}")
    for job_type, table in REACHED_BY.items()
    for target, states in table.items()
]


def job(number: int = 1, state: str | None = None, job_type: str | None = "LOCAL_USE", **more: Any) -> Any:
    """Return a listed job; what is None is missing."""
    entry = {"JobId": f"J{number}", "JobState": state, "JobType": job_type} | more
    return {key: value for key, value in entry.items() if value is not None}


def verdict(progress: Progress) -> str:
    """Name the verdict, which has to be exactly one of three."""
    assert not (progress.done and progress.failed)
    return "done" if progress.done else "failed" if progress.failed else "waiting"


def ids(jobs: tuple[Any, ...]) -> list[str]:
    return [each.id for each in jobs]


class TestNames:
    """The names are those of the API, whose newest authority is botocore's model."""

    @pytest.mark.parametrize("enum", [JobState, JobType, ClusterState], ids=lambda enum: enum.__name__)
    def test_values_are_the_models(self, enum: Any) -> None:
        model: Any = botocore.session.get_session().get_service_model("snowball")
        assert set(enum) == set(model.shape_for(enum.__name__).enum)

    def test_keys_of_an_entry_are_the_models(self) -> None:
        model: Any = botocore.session.get_session().get_service_model("snowball")
        assert set(JobListEntry.__annotations__) == set(model.shape_for("JobListEntry").members)

    def test_paths_are_the_documented_ones(self) -> None:
        assert {str(job_type): list(path) for job_type, path in PATHS.items()} == {
            "IMPORT": IMPORT_PATH,
            "LOCAL_USE": IMPORT_PATH,
            "EXPORT": EXPORT_PATH,
        }


class TestEveryStateTypeAndTarget:
    def test_the_tables_are_complete(self) -> None:
        assert {key: sorted(table) for key, table in REACHED_BY.items()} == dict.fromkeys(
            REACHED_BY, sorted(STATES)
        )

    @pytest.mark.parametrize(("job_type", "target", "reached"), EVERY_TYPE_AND_TARGET)
    def test_reached(self, job_type: str | None, target: str, reached: set[str]) -> None:
        found = {
            state
            for state in (*STATES, *NOT_STATES, None)
            if is_at_or_past(state, JobState(target), job_type)
        }
        assert found == reached

    @pytest.mark.parametrize(("job_type", "target", "reached"), EVERY_TYPE_AND_TARGET)
    def test_verdict(self, job_type: str | None, target: str, reached: set[str]) -> None:
        expected = {
            state: "done"
            if state in reached
            else "failed"
            if state in ("Complete", "Cancelled")
            else "waiting"
            for state in STATES
        } | dict.fromkeys((*NOT_STATES, None), "waiting")
        found = {state: verdict(evaluate([job(1, state, job_type)], target)) for state in expected}
        assert found == expected

    @pytest.mark.parametrize("target", [state for state in STATES if state != "Cancelled"])
    def test_ignored_cancelled_job_leaves_the_others(self, target: str) -> None:
        jobs = [job(1, "Cancelled"), job(2, "Complete")]
        assert verdict(evaluate(jobs, target, ignore_cancelled=True)) == "done"
        assert verdict(evaluate(jobs, target)) == "failed"


class TestWhichJobsCount:
    @pytest.mark.parametrize("min_jobs", [1, 3])
    @pytest.mark.parametrize("target", STATES)
    def test_an_empty_list_is_never_all_reached(self, target: str, min_jobs: int) -> None:
        progress = evaluate([], target, min_jobs=min_jobs)
        assert verdict(progress) == "waiting"
        assert progress.too_few

    def test_every_job_has_to_reach_the_target(self) -> None:
        jobs = [job(1, "WithCustomer"), job(2, "InTransitToCustomer"), job(3, "InTransitToAWS")]
        progress = evaluate(jobs, "WithCustomer")
        assert (ids(progress.reached), ids(progress.waiting)) == (["J1", "J3"], ["J2"])
        assert verdict(progress) == "waiting"

    def test_each_job_is_judged_by_its_own_type(self) -> None:
        jobs = [job(1, "InProgress", "IMPORT"), job(2, "InProgress", "EXPORT"), job(3, "InProgress", None)]
        progress = evaluate(jobs, "WithCustomer")
        assert (ids(progress.reached), ids(progress.waiting)) == (["J1"], ["J2", "J3"])

    def test_job_ids_leave_the_other_jobs_out(self) -> None:
        jobs = [job(1, "Complete"), job(2, "New"), job(3, "Cancelled")]
        progress = evaluate(jobs, "Complete", job_ids=["J1"])
        assert verdict(progress) == "done"
        assert (progress.listed, progress.total) == (1, 1)

    def test_a_job_id_not_listed_yet_is_waited_for(self) -> None:
        progress = evaluate([job(1, "Complete")], "Complete", job_ids=["J1", "J2"])
        assert verdict(progress) == "waiting"
        assert progress.missing == ("J2",)
        assert (progress.listed, progress.total) == (1, 2)

    def test_parts_without_ids_are_as_many_as_there_are(self) -> None:
        main = job(1, "InProgress", "EXPORT", IsMaster=True)
        parts: list[Any] = [{"JobState": state} for state in ("InTransitToAWS", "Complete")]
        progress = evaluate([main], "Complete", job_ids=["J1"], parts={"J1": parts})
        assert (verdict(progress), progress.listed) == ("waiting", 2)

    @pytest.mark.parametrize("job_ids", [None, ["MID1"]])
    def test_a_main_job_is_known_by_its_id(self, job_ids: list[str] | None) -> None:
        main: Any = {"JobId": "MID1", "JobState": "WithCustomer", "JobType": "EXPORT"}
        assert verdict(evaluate([main], "WithCustomer", job_ids=job_ids)) == "waiting"

    def test_a_job_id_given_twice_is_one_job(self) -> None:
        progress = evaluate([], "Complete", job_ids=["J2", "J2"])
        assert progress.missing == ("J2",)

    def test_job_ids_and_min_jobs(self) -> None:
        jobs = [job(1, "Complete"), job(2, "Complete")]
        assert verdict(evaluate(jobs, "Complete", job_ids=["J1"], min_jobs=2)) == "waiting"
        assert verdict(evaluate(jobs, "Complete", job_ids=["J1", "J2"], min_jobs=2)) == "done"

    @pytest.mark.parametrize(("min_jobs", "expected"), [(1, "done"), (2, "done"), (3, "waiting")])
    def test_min_jobs(self, min_jobs: int, expected: str) -> None:
        jobs = [job(1, "Complete"), job(2, "Complete")]
        assert verdict(evaluate(jobs, "Complete", min_jobs=min_jobs)) == expected

    def test_min_jobs_counts_ignored_jobs(self) -> None:
        jobs = [job(1, "Complete"), job(2, "Cancelled")]
        assert verdict(evaluate(jobs, "Complete", min_jobs=2, ignore_cancelled=True)) == "done"

    def test_any_iterable_will_do(self) -> None:
        assert verdict(evaluate(iter([job(1, "Complete")]), "Complete")) == "done"


class TestMissingKeys:
    def test_an_entry_without_any_key_is_waited_for(self) -> None:
        progress = evaluate([{}], "New")
        assert verdict(progress) == "waiting"
        assert progress.describe_late() == "0 of 1 jobs at or past New (a job without an id without a state)"

    @pytest.mark.parametrize(
        ("missing", "expected"),
        [
            ("JobId", "done"),
            ("JobState", "waiting"),
            ("IsMaster", "done"),
            ("JobType", "done"),
            ("SnowballType", "done"),
            ("CreationDate", "done"),
            ("Description", "done"),
        ],
    )
    def test_one_key_missing(self, missing: str, expected: str) -> None:
        entry = {
            "JobId": "J1",
            "JobState": "WithCustomer",
            "IsMaster": False,
            "JobType": "LOCAL_USE",
            "SnowballType": "EDGE",
            "CreationDate": datetime(2026, 1, 1, tzinfo=UTC),
            "Description": "a node",
        }
        del entry[missing]
        assert verdict(evaluate([entry], "WithCustomer")) == expected

    def test_entries_without_an_id_are_not_those_asked_for(self) -> None:
        progress = evaluate([job(1, "Complete", JobId=None)], "Complete", job_ids=["J1"])
        assert verdict(progress) == "waiting"
        assert progress.missing == ("J1",)

    def test_entries_without_an_id_are_jobs_each(self) -> None:
        nameless = [job(1, "Complete", JobId=None), job(2, "New", JobId=None)]
        progress = evaluate(nameless, "Complete", min_jobs=2)
        assert (len(progress.reached), len(progress.waiting)) == (1, 1)


class TestMainJobs:
    """An export's main job has no device; its parts are listed later."""

    @pytest.mark.parametrize("state", [state for state in STATES if state != "Cancelled"])
    def test_alone_it_is_no_job_to_wait_for(self, state: str) -> None:
        progress = evaluate([job(1, state, "EXPORT", IsMaster=True)], "WithCustomer")
        assert verdict(progress) == "waiting"
        assert (progress.listed, progress.total, progress.too_few) == (0, 0, True)

    @pytest.mark.parametrize("state", STATES)
    def test_beside_its_parts_it_does_not_count(self, state: str) -> None:
        jobs = [job(1, state, "EXPORT", IsMaster=True), job(2, "WithCustomer", "EXPORT", IsMaster=False)]
        progress = evaluate(jobs, "WithCustomer")
        assert verdict(progress) == "done"
        assert progress.listed == 1
        assert verdict(evaluate(jobs, "WithCustomer", min_jobs=2)) == "waiting"

    def test_cancelled_without_parts_it_is_unreachable(self) -> None:
        progress = evaluate([job(1, "Cancelled", "EXPORT", IsMaster=True)], "WithCustomer", min_jobs=5)
        assert verdict(progress) == "failed"
        assert ids(progress.unreachable) == ["J1"]

    def test_cancelled_without_parts_beside_a_job_of_another_type(self) -> None:
        jobs = [job(1, "Cancelled", "EXPORT", IsMaster=True), job(2, "Complete", "IMPORT")]
        assert ids(evaluate(jobs, "Complete").unreachable) == ["J1"]

    def test_cancelled_without_parts_it_may_be_ignored(self) -> None:
        jobs = [job(1, "Cancelled", "EXPORT", IsMaster=True)]
        progress = evaluate(jobs, "WithCustomer", ignore_cancelled=True)
        assert ids(progress.ignored) == ["J1"]
        assert progress.nothing_left

    def test_cancelled_without_parts_it_reaches_cancelled(self) -> None:
        assert verdict(evaluate([job(1, "Cancelled", "EXPORT", IsMaster=True)], "Cancelled")) == "done"


class TestMainJobsByTheirIds:
    """A named main job stands for its parts, once they are known."""

    MAIN = job(1, "InProgress", "EXPORT", IsMaster=True)

    @pytest.mark.parametrize("state", [state for state in STATES if state not in ("Complete", "Cancelled")])
    @pytest.mark.parametrize("target", STATES)
    def test_without_parts_it_is_waited_for(self, target: str, state: str) -> None:
        progress = evaluate(
            [job(1, state, "EXPORT", IsMaster=True)], target, job_ids=["J1"], parts={"J1": []}
        )
        assert ids(progress.waiting) == ["J1"]
        assert verdict(progress) == "waiting"

    @pytest.mark.parametrize(
        ("state", "target", "end"),
        [
            ("Complete", "WithCustomer", "done"),
            ("Complete", "Cancelled", "failed"),
            ("Cancelled", "WithCustomer", "failed"),
            ("Cancelled", "Cancelled", "done"),
        ],
    )
    def test_ended_without_parts_it_stands_for_itself(self, state: str, target: str, end: str) -> None:
        progress = evaluate([job(1, state, "EXPORT", IsMaster=True)], target, job_ids=["J1"])
        assert verdict(progress) == end

    def test_its_parts_count_in_its_place(self) -> None:
        parts = {"J1": [job(2, "WithCustomer", "EXPORT"), job(3, "InProgress", "EXPORT")]}
        progress = evaluate([self.MAIN], "WithCustomer", job_ids=["J1"], parts=parts)
        assert (ids(progress.reached), ids(progress.waiting), progress.missing) == (["J2"], ["J3"], ())

    def test_a_job_beside_it_does_not_end_the_wait(self) -> None:
        jobs = [self.MAIN, job(4, "WithCustomer")]
        assert verdict(evaluate(jobs, "WithCustomer", job_ids=["J1", "J4"])) == "waiting"

    def test_a_part_that_is_named_as_well_counts_once(self) -> None:
        part = job(2, "WithCustomer", "EXPORT")
        progress = evaluate([self.MAIN, part], "WithCustomer", job_ids=["J1", "J2"], parts={"J1": [part]})
        assert ids(progress.reached) == ["J2"]
        assert progress.total == 1

    def test_parts_of_a_main_job_not_waited_for_do_not_count(self) -> None:
        parts = {"J1": [job(2, "Cancelled", "EXPORT")]}
        jobs = [self.MAIN, job(4, "WithCustomer")]
        assert verdict(evaluate(jobs, "WithCustomer", job_ids=["J4"], parts=parts)) == "done"


class TestEnded:
    @pytest.mark.parametrize("target", [state for state in STATES if state != "Cancelled"])
    def test_cancelled_reaches_no_other_target(self, target: str) -> None:
        progress = evaluate([job(1, "Complete"), job(2, "Cancelled")], target)
        assert (ids(progress.reached), ids(progress.unreachable)) == (["J1"], ["J2"])
        assert verdict(progress) == "failed"

    def test_unreachable_comes_before_too_few(self) -> None:
        progress = evaluate([job(1, "Cancelled")], "Complete", min_jobs=5)
        assert verdict(progress) == "failed"
        assert not progress.too_few

    def test_unreachable_comes_before_a_job_not_listed_yet(self) -> None:
        progress = evaluate([job(1, "Cancelled")], "Complete", job_ids=["J1", "J2"])
        assert verdict(progress) == "failed"

    def test_too_few_comes_before_nothing_left(self) -> None:
        progress = evaluate([job(1, "Cancelled")], "Complete", min_jobs=2, ignore_cancelled=True)
        assert verdict(progress) == "waiting"
        assert progress.too_few
        assert not progress.nothing_left

    def test_nothing_left_fails(self) -> None:
        progress = evaluate([job(1, "Cancelled"), job(2, "Cancelled")], "Complete", ignore_cancelled=True)
        assert verdict(progress) == "failed"
        assert progress.nothing_left

    def test_a_job_not_listed_yet_is_something_left(self) -> None:
        progress = evaluate([job(1, "Cancelled")], "Complete", job_ids=["J1", "J2"], ignore_cancelled=True)
        assert verdict(progress) == "waiting"

    def test_an_ignored_job_does_not_end_the_wait_for_another(self) -> None:
        progress = evaluate([job(1, "Cancelled"), job(2, "New")], "Complete", ignore_cancelled=True)
        assert verdict(progress) == "waiting"
        assert (ids(progress.ignored), ids(progress.waiting)) == (["J1"], ["J2"])

    @pytest.mark.parametrize(
        ("states", "expected"),
        [
            (["Cancelled", "Cancelled"], "done"),
            (["Cancelled", "WithCustomer"], "waiting"),
            (["Cancelled", "Complete"], "failed"),
            ([], "waiting"),
        ],
        ids=["all cancelled", "one under way", "one complete", "none listed"],
    )
    def test_cancelled_as_target(self, states: list[str], expected: str) -> None:
        jobs = [job(number, state) for number, state in enumerate(states)]
        assert verdict(evaluate(jobs, "Cancelled")) == expected

    def test_cancelled_as_target_contradicts_ignoring(self) -> None:
        with pytest.raises(ValueError, match="ignore_cancelled leaves out the very jobs that target_state"):
            evaluate([], "Cancelled", ignore_cancelled=True)


class TestUnknownStates:
    def test_it_is_waited_for_and_named(self) -> None:
        jobs = [job(1, "Complete"), job(2, "Shipped"), job(3), job(4, "New")]
        progress = evaluate(jobs, "Complete")
        assert verdict(progress) == "waiting"
        assert [str(each) for each in progress.unknown] == ["J2 Shipped", "J3 without a state"]


def _many(count: int) -> list[Any]:
    return [job(number, "New") for number in range(1, count + 1)]


class TestMessages:
    @pytest.mark.parametrize(
        ("jobs", "arguments", "line", "late"),
        [
            pytest.param(
                [],
                {},
                "0 of 0 jobs at or past WithCustomer; 0 of at least 1 listed",
                "0 of 0 jobs at or past WithCustomer; 0 of at least 1 listed",
                id="empty",
            ),
            pytest.param(
                [job(1, "WithCustomer"), job(2, "Complete")],
                {},
                "2 of 2 jobs at or past WithCustomer, 1 of them past it",
                "2 of 2 jobs at or past WithCustomer, 1 of them past it",
                id="all reached",
            ),
            pytest.param(
                [job(1, "WithCustomer"), job(2, "New"), job(3, "Pending"), job(4, "New")],
                {},
                "1 of 4 jobs at or past WithCustomer (2 New, 1 Pending)",
                "1 of 4 jobs at or past WithCustomer (J2 New, J3 Pending, J4 New)",
                id="some under way",
            ),
            pytest.param(
                [job(1, "WithCustomer")],
                {"min_jobs": 3},
                "1 of 1 jobs at or past WithCustomer; 1 of at least 3 listed",
                "1 of 1 jobs at or past WithCustomer; 1 of at least 3 listed",
                id="too few",
            ),
            pytest.param(
                [job(1, "WithCustomer"), job(2, "New")],
                {"job_ids": ["J1", "J2", "J3", "J4"]},
                "1 of 4 jobs at or past WithCustomer (1 New, 2 not listed yet)",
                "1 of 4 jobs at or past WithCustomer (J2 New, J3 not listed, J4 not listed)",
                id="job_ids not listed yet",
            ),
            pytest.param(
                [job(1, "WithCustomer"), job(2, "Cancelled"), job(3, "New")],
                {"ignore_cancelled": True},
                "1 of 2 jobs at or past WithCustomer (1 New, 1 Cancelled and ignored)",
                "1 of 2 jobs at or past WithCustomer (J3 New)",
                id="ignored",
            ),
            pytest.param(
                [job(1, "WithCustomer"), job(2, "Cancelled")],
                {"min_jobs": 3},
                "1 of 2 jobs at or past WithCustomer (1 Cancelled)",
                "1 of 2 jobs at or past WithCustomer",
                id="unreachable, with too few listed",
            ),
            pytest.param(
                [job(1, "Shipped"), job(2)],
                {},
                "0 of 2 jobs at or past WithCustomer (1 Shipped, 1 without a state)",
                "0 of 2 jobs at or past WithCustomer (J1 Shipped, J2 without a state)",
                id="unknown and missing states",
            ),
        ],
    )
    def test_progress(self, jobs: list[Any], arguments: dict[str, Any], line: str, late: str) -> None:
        progress = evaluate(jobs, "WithCustomer", **arguments)
        assert (str(progress), progress.describe_late()) == (line, late)

    @pytest.mark.parametrize(
        ("count", "end"),
        [
            (20, "J19 New, J20 New)"),
            (21, "J19 New, J20 New, and 1 more)"),
            (25, "J19 New, J20 New, and 5 more)"),
        ],
    )
    def test_late_jobs_are_named_up_to_20(self, count: int, end: str) -> None:
        text = evaluate(_many(count), "Complete").describe_late()
        assert text.startswith(f"0 of {count} jobs at or past Complete (J1 New, J2 New, ")
        assert text.endswith(end)
        assert text.count(" New") == 20

    def test_late_jobs_and_those_not_listed_share_the_20(self) -> None:
        wanted = [f"J{number}" for number in range(1, 26)]
        text = evaluate(_many(18), "Complete", job_ids=wanted).describe_late()
        assert text.endswith("J18 New, J19 not listed, J20 not listed, and 5 more)")

    def test_failure_names_every_job(self) -> None:
        jobs = [job(1, "Complete"), *(job(number, "Cancelled") for number in range(2, 32))]
        assert evaluate(jobs, "Complete").describe_failure("jobs of cluster CID1") == (
            "30 of 31 jobs of cluster CID1 cannot reach Complete: "
            + ", ".join(f"J{number} Cancelled" for number in range(2, 32))
            + " [SNB401]"
        )

    def test_failure_counts_jobs_not_listed_yet(self) -> None:
        progress = evaluate([job(1, "Complete")], "Cancelled", job_ids=["J1", "J2"])
        assert progress.describe_failure("jobs of cluster CID1") == (
            "1 of 2 jobs of cluster CID1 cannot reach Cancelled: J1 Complete [SNB401]"
        )

    def test_failure_with_nothing_left(self) -> None:
        jobs = [job(1, "Cancelled"), job(2, "Cancelled")]
        assert evaluate(jobs, "Complete", ignore_cancelled=True).describe_failure("jobs of cluster CID1") == (
            "Nothing left to wait for: all 2 jobs of cluster CID1 are Cancelled and ignored (J1, J2) [SNB402]"
        )

    @pytest.mark.parametrize(
        ("jobs", "min_jobs", "line"),
        [
            # That a job asked for by its id is missing is said once.
            ([], 1, "0 of 2 jobs at or past Complete (2 not listed yet)"),
            (
                [{"JobId": "a", "JobState": "Complete"}],
                2,
                "1 of 2 jobs at or past Complete (1 not listed yet); 1 of at least 2 listed",
            ),
            ([], 2, "0 of 2 jobs at or past Complete (2 not listed yet); 0 of at least 2 listed"),
        ],
    )
    def test_jobs_asked_for_that_are_missing(self, jobs: list[Any], min_jobs: int, line: str) -> None:
        assert str(evaluate(jobs, "Complete", job_ids=["a", "b"], min_jobs=min_jobs)) == line

    def test_failure_calls_them_jobs(self) -> None:
        progress = evaluate([{"JobId": "a", "JobState": "Cancelled"}], "Complete")
        assert progress.describe_failure() == "1 of 1 jobs cannot reach Complete: a Cancelled [SNB401]"


class Color(str, Enum):  # noqa: UP042  the older form of a StrEnum, whose str() is its name, is the point
    STATE = "WithCustomer"
    KEY = "JobState"
    ID = "J1"


ENTRY = {
    "JobId": "J1",
    Color.KEY: Color.STATE,
    "IsMaster": False,
    "JobType": JobType.LOCAL_USE,
    "SnowballType": None,
    "CreationDate": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-5))),
    "Description": "n°1",
    "LaterVersion": {"When": datetime(2026, 1, 2, tzinfo=UTC), "Sizes": (1, 2.5), "Kinds": [Color.STATE]},
}
PORTABLE = {
    "JobId": "J1",
    "JobState": "WithCustomer",
    "IsMaster": False,
    "JobType": "LOCAL_USE",
    "SnowballType": None,
    "CreationDate": "2026-01-02T03:04:05-05:00",
    "Description": "n°1",
    "LaterVersion": {
        "When": "2026-01-02T00:00:00+00:00",
        "Sizes": [1, 2.5],
        "Kinds": ["WithCustomer"],
    },
}


class TestPortable:
    def test_form(self) -> None:
        assert portable(ENTRY) == PORTABLE

    def test_half_a_character_has_bytes(self) -> None:
        """JSON can have one, which no trigger's event and no XCom can hand on."""
        entry = json.loads('{"Description": "tray \\ud83d", "Tags": ["\\ude00"]}')
        assert portable(entry) == {"Description": "tray ?", "Tags": ["?"]}

    def test_again_changes_nothing(self) -> None:
        assert portable(portable(ENTRY)) == PORTABLE

    def test_the_entry_stays_as_it_was(self) -> None:
        before = dict(ENTRY)
        portable(ENTRY)
        assert before == ENTRY

    def test_text_is_plain_str(self) -> None:
        """A member equals its value, but is stored as something else by some XCom backends."""
        entry = portable(ENTRY)
        text = [*entry, *(value for value in entry.values() if isinstance(value, str))]
        assert {type(each) for each in text} == {str}
        assert type(entry["LaterVersion"]["Kinds"][0]) is str

    def test_json_brings_it_back(self) -> None:
        assert json.loads(json.dumps(portable(ENTRY))) == PORTABLE

    def test_empty(self) -> None:
        assert portable({}) == {}

    def test_it_is_judged_as_the_entry_is(self) -> None:
        before, after = (evaluate([entry], "WithCustomer") for entry in (ENTRY, portable(ENTRY)))
        assert before == after


class TestMembersInPlaceOfText:
    """Callers and fakes may use (str, Enum) members where the API has text."""

    def test_verdict_and_words_are_the_same(self) -> None:
        members = evaluate([{"JobId": Color.ID, "JobState": Color.STATE}], "Complete")
        text = evaluate([{"JobId": "J1", "JobState": "WithCustomer"}], "Complete")
        assert members == text
        assert members.unknown == ()
        assert members.describe_late() == "0 of 1 jobs at or past Complete (J1 WithCustomer)"


class TestParseState:
    @pytest.mark.parametrize("state", STATES)
    def test_known(self, state: str) -> None:
        assert parse_state(state) is JobState(state)
        assert parse_state(JobState(state)) is JobState(state)

    def test_member_of_another_enum(self) -> None:
        assert parse_state(Color.STATE) is JobState.WITH_CUSTOMER

    @pytest.mark.parametrize(
        ("value", "meant"),
        [
            ("Shipped", "InTransitToCustomer"),
            ("complete", "Complete"),
            (" Complete", "Complete"),
            ("", None),
            (None, None),
            (5, None),
            (["Complete"], None),
        ],
    )
    def test_unknown(self, value: Any, meant: str | None) -> None:
        with pytest.raises(ValueError, match="must be one of") as error:
            parse_state(value)
        assert str(error.value) == (
            "target_state must be one of New, Listing, Pending, PreparingAppliance, PreparingShipment, "
            "InTransitToCustomer, WithCustomer, InTransitToAWS, WithAWSSortingFacility, WithAWS, InProgress, "
            f"Complete, Cancelled; got {value!r}"
            + (f"; did you mean {meant}?" if meant else "")
            + " [SNB104]"
        )

    def test_name_in_the_message(self) -> None:
        with pytest.raises(
            ValueError, match=r"^each of job_states must be one of New, .*; got 'Shipped'; did"
        ):
            parse_state("Shipped", "each of job_states")

    def test_evaluate_checks_its_target(self) -> None:
        with pytest.raises(ValueError, match="target_state must be one of"):
            evaluate([], "Shipped")

    @pytest.mark.parametrize("min_jobs", [0, -1])
    def test_evaluate_checks_min_jobs(self, min_jobs: int) -> None:
        text = rf"^min_jobs must be at least 1: an empty listing is not all there; got {min_jobs} \[SNB105\]$"
        with pytest.raises(ValueError, match=text):
            evaluate([], "Complete", min_jobs=min_jobs)

    def test_evaluate_checks_them_together(self) -> None:
        text = "ignore_cancelled leaves out the very jobs that target_state Cancelled waits for [SNB107]"
        with pytest.raises(ArgumentError, match=f"^{re.escape(text)}$"):
            evaluate([], "Cancelled", ignore_cancelled=True)


class TestHints:
    @pytest.mark.parametrize(
        ("word", "meant"),
        [
            ("arrived", "WithCustomer"),
            ("Canceled", "Cancelled"),
            ("completed", "Complete"),
            ("DELIVERED", "WithCustomer"),
            ("done", "Complete"),
            ("exporting", "InProgress"),
            ("Importing", "InProgress"),
            ("imported", "Complete"),
            ("in transit", "InTransitToCustomer"),
            ("returned", "WithAWS"),
            ("shipped", "InTransitToCustomer"),
            # Other spellings of the names themselves.
            ("preparing_shipment", "PreparingShipment"),
            ("WITH-AWS-SORTING-FACILITY", "WithAWSSortingFacility"),
            ("c.o.m.p.l.e.t.e", "Complete"),
            ("Pendng", "Pending"),
            # Too far from any.
            ("Comp", None),
            ("Pend", None),
        ],
    )
    def test_word(self, word: str, meant: str | None) -> None:
        with pytest.raises(ArgumentError) as error:
            parse_state(word)
        _, _, hint = str(error.value).partition(f"; got {word!r}")
        assert hint == (f"; did you mean {meant}?" if meant else "") + " [SNB104]"


class TestParseClusterState:
    @pytest.mark.parametrize("state", ["AwaitingQuorum", "Pending", "InUse", "Complete", "Cancelled"])
    def test_known(self, state: str) -> None:
        found = parse_cluster_state(state)
        assert isinstance(found, ClusterState)
        assert found == state

    @pytest.mark.parametrize("value", ["inuse", "WithCustomer", "", None, 5, ["InUse"]], ids=repr)
    def test_unknown(self, value: Any) -> None:
        text = "one of AwaitingQuorum, Pending, InUse, Complete, Cancelled"
        with pytest.raises(
            ArgumentError, match=rf"^cluster_state must be {text}; got {re.escape(repr(value))} \[SNB104\]$"
        ):
            parse_cluster_state(value)

    def test_name_in_the_message(self) -> None:
        with pytest.raises(ArgumentError, match=r"^each of cluster_states must be one of AwaitingQuorum, "):
            parse_cluster_state("Lost", "each of cluster_states")


def test_no_key_of_an_entry_is_required() -> None:
    assert JobListEntry.__required_keys__ == frozenset()


def test_a_verdict_on_nothing() -> None:
    progress = Progress(JobState.COMPLETE, min_jobs=1, listed=0)
    of_jobs = ("reached", "waiting", "unreachable", "ignored", "missing", "unknown", "past")
    assert {name: getattr(progress, name) for name in of_jobs} == dict.fromkeys(of_jobs, ())
    assert str(progress) == "0 of 0 jobs at or past Complete; 0 of at least 1 listed"
    assert progress.lacking
    assert not progress.done
    assert not progress.failed
