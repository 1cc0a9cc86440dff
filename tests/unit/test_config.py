"""What a wait was asked for: one declaration for signature, check, trigger and default."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.aws import AWS_PARAMETERS, AwsParameters, passed_on
from airflow_provider_snowball.lifecycle import ArgumentError, Job, JobState
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator, ListClustersOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor
from airflow_provider_snowball.validate import plain
from airflow_provider_snowball.waiting.calls import ListClusterJobs, ListJobs
from airflow_provider_snowball.waiting.config import (
    BACKSTOP,
    LONGEST_WAIT,
    SHORTEST_DELAY,
    WAIT_PARAMETERS,
    WaitConfig,
)
from tests.fakes.scripted_snowball import job, job_id

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
JOBS = [f"JID123e4567-e89b-12d3-a456-{number:012d}" for number in range(3)]
START = datetime(2026, 1, 1, tzinfo=UTC)

#: Every parameter, with no default, in the loosest form that is taken.
FULL: dict[str, Any] = {
    "target_state": JobState.WITH_CUSTOMER,
    "cluster_id": CLUSTER,
    "job_ids": (JOBS[0], JOBS[1]),
    "min_jobs": "2",
    "ignore_cancelled": True,
    "timeout": timedelta(days=90),
    "poke_interval": timedelta(minutes=10),
    "exponential_backoff": True,
    "max_wait": timedelta(hours=6),
    "silent_fail": True,
    "outage_timeout": timedelta(days=1),
    "max_days_in_state": {JobState.IN_TRANSIT_TO_CUSTOMER: 10},
    "on_overdue": "notify",
    "describe_jobs": True,
    "tell_changes": True,
    "change_interval": timedelta(hours=1),
}
#: What all of that is as plain keywords.
FULL_PLAIN: dict[str, Any] = {
    "target_state": "WithCustomer",
    "cluster_id": CLUSTER,
    "job_ids": [JOBS[0], JOBS[1]],
    "min_jobs": 2,
    "ignore_cancelled": True,
    "timeout": 7776000.0,
    "poke_interval": 600.0,
    "exponential_backoff": True,
    "max_wait": 21600.0,
    "silent_fail": True,
    "outage_timeout": 86400.0,
    "max_days_in_state": {"InTransitToCustomer": 10.0},
    "on_overdue": "notify",
    "describe_jobs": True,
    "tell_changes": True,
    "change_interval": 3600.0,
}
DEFAULTS: dict[str, Any] = {
    "target_state": "Complete",
    "cluster_id": None,
    "job_ids": None,
    "min_jobs": 1,
    "ignore_cancelled": False,
    "timeout": 34560000.0,
    "poke_interval": 900.0,
    "exponential_backoff": False,
    "max_wait": None,
    "silent_fail": False,
    "outage_timeout": 172800.0,
    "max_days_in_state": None,
    "on_overdue": "warn",
    "describe_jobs": False,
    "tell_changes": False,
    "change_interval": 0.0,
}
#: What can do nothing without another.
NOT_ALONE = {"on_overdue", "change_interval"}
#: Without a cluster there is no number of its jobs.
OF_CLUSTERS = {"cluster_id", "min_jobs"}


def test_the_tables_name_every_parameter() -> None:
    names = {each.name for each in fields(WaitConfig)}
    assert set(FULL) == set(FULL_PLAIN) == set(DEFAULTS) == names == set(WAIT_PARAMETERS)


def test_defaults() -> None:
    assert WAIT_PARAMETERS == DEFAULTS
    assert {name: type(value) for name, value in WAIT_PARAMETERS.items()} == {
        name: type(value) for name, value in DEFAULTS.items()
    }


class TestRead:
    def test_arguments_are_plain(self) -> None:
        arguments = WaitConfig.read(FULL).arguments()
        assert arguments == FULL_PLAIN
        assert json.loads(json.dumps(arguments)) == FULL_PLAIN
        assert {name: type(value) for name, value in arguments.items()} == {
            name: type(value) for name, value in FULL_PLAIN.items()
        }

    @pytest.mark.parametrize(
        "given",
        [
            FULL,
            {"cluster_id": CLUSTER},
            {"cluster_id": CLUSTER, "job_ids": JOBS},
            {"job_ids": JOBS},
            {name: value for name, value in FULL.items() if name not in OF_CLUSTERS},
            *({"cluster_id": CLUSTER, name: value} for name, value in FULL.items() if name not in NOT_ALONE),
            {"cluster_id": CLUSTER, "max_days_in_state": {"New": 1}, "on_overdue": "fail"},
            {"cluster_id": CLUSTER, "tell_changes": True, "change_interval": 60},
        ],
        ids=lambda given: " ".join(given) if len(given) < 4 else f"{len(given)} parameters",
    )
    def test_there_and_back(self, given: dict[str, Any]) -> None:
        config = WaitConfig.read(given)
        again = WaitConfig.read(json.loads(json.dumps(config.arguments())))
        assert again == config
        assert again.arguments() == config.arguments()

    def test_without_a_cluster_it_has_no_arguments_of_one(self) -> None:
        assert WaitConfig.read({"job_ids": JOBS}).arguments() == {
            name: value for name, value in DEFAULTS.items() if name not in OF_CLUSTERS
        } | {"job_ids": JOBS}

    def test_what_is_not_given_is_the_default(self) -> None:
        assert WaitConfig.read({"cluster_id": CLUSTER}).arguments() == DEFAULTS | {"cluster_id": CLUSTER}

    def test_other_names_are_passed_over(self) -> None:
        given = {"cluster_id": CLUSTER, "aws_conn_id": "x", "memory": None, "added_later": object()}
        assert WaitConfig.read(given) == WaitConfig.read({"cluster_id": CLUSTER})

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"target_state": "Shipped"}, "target_state must be one of New, "),
            ({"cluster_id": "CID1"}, "cluster_id must be CID followed by a UUID"),
            ({"cluster_id": None}, "cluster_id must be CID followed by a UUID"),
            ({"job_ids": []}, "job_ids must name at least one job"),
            ({"min_jobs": 0}, "min_jobs must be a whole number of at least 1; got 0 [SNB105]"),
            ({"ignore_cancelled": "yes"}, "ignore_cancelled must be True or False"),
            (
                {"timeout": 0},
                "timeout must be a timedelta or a number of seconds, more than 0 and at most",
            ),
            ({"poke_interval": None}, "poke_interval must be a timedelta or a number of seconds"),
            ({"exponential_backoff": 2}, "exponential_backoff must be True or False; got the int 2 [SNB106]"),
            (
                {"max_wait": 0},
                "max_wait must be a timedelta or a number of seconds, more than 0 and at most",
            ),
            ({"silent_fail": None}, "silent_fail must be True or False; got the NoneType None [SNB106]"),
            ({"outage_timeout": None}, "outage_timeout must be a timedelta or a number of seconds"),
            ({"max_days_in_state": {"Complete": 1}}, "max_days_in_state cannot have Complete"),
            (
                {"on_overdue": "shout"},
                'on_overdue must be "warn", "fail" or a notifier; got \'shout\' [SNB106]',
            ),
            ({"poke_interval": -1}, "poke_interval must be a timedelta or a number of seconds, at least 0"),
            ({"job_ids": JOBS, "min_jobs": 4}, "min_jobs is 4, but job_ids names 3 jobs"),
            ({"job_ids": JOBS[:1] * 2, "min_jobs": 2}, "min_jobs is 2, but job_ids names 1 jobs"),
            (
                {"on_overdue": "fail", "max_days_in_state": None},
                "on_overdue can do nothing without max_days_in_state",
            ),
            (
                {"max_days_in_state": {"WithAWS": 1}, "target_state": "WithAWS"},
                "max_days_in_state can do nothing for WithAWS",
            ),
            ({"target_state": "Cancelled", "ignore_cancelled": True}, "ignore_cancelled leaves out"),
        ],
        ids=str,
    )
    def test_what_makes_no_sense(self, arguments: dict[str, Any], text: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
            WaitConfig.read({"cluster_id": CLUSTER} | arguments)

    @pytest.mark.parametrize("arguments", [{}, {"job_ids": None}], ids=str)
    def test_nobody_to_wait_for(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(
            ValueError, match=r"^job_ids must name the jobs to wait for; got None \[SNB103\]$"
        ):
            WaitConfig.read(arguments)

    @pytest.mark.parametrize("name", ["cluster_id", "added_later"])
    def test_a_template_that_names_what_is_not_defined(self, name: str) -> None:
        """As a DAG with undefined=jinja2.Undefined and native objects renders it."""

        class Undefined:
            pass

        class ChainableUndefined(Undefined):
            pass

        for value in (Undefined(), ChainableUndefined()):
            with pytest.raises(
                ArgumentError,
                match=rf"^{name} is a template that names what is not defined \[SNB110\]$",
            ):
                WaitConfig.read({"cluster_id": CLUSTER, name: value})

    @pytest.mark.parametrize("days", [None, {}], ids=str)
    def test_no_days_and_nothing_said_of_what_is_overdue(self, days: Any) -> None:
        arguments = {"cluster_id": CLUSTER, "max_days_in_state": days}
        WaitConfig.check_literals(arguments)
        assert WaitConfig.read(arguments).on_overdue == "warn"

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (
                {"job_ids": JOBS[:1], "min_jobs": 2},
                "min_jobs is 2, but job_ids names 1 jobs: so many are never listed among them [SNB107]",
            ),
            (
                {"max_days_in_state": {"WithAWS": 1}, "target_state": "WithAWS"},
                "max_days_in_state can do nothing for WithAWS: a job in it is at or past WithAWS, and is not "
                "waited for [SNB107]",
            ),
            (
                {"max_days_in_state": {}, "on_overdue": "fail"},
                "on_overdue can do nothing without max_days_in_state, the days that make jobs overdue"
                " [SNB107]",
            ),
            (
                {"target_state": "Cancelled", "ignore_cancelled": True},
                "ignore_cancelled leaves out the very jobs that target_state Cancelled waits for [SNB107]",
            ),
        ],
        ids=str,
    )
    def test_what_makes_no_sense_together(self, arguments: dict[str, Any], text: str) -> None:
        for check in (WaitConfig.read, WaitConfig.check_literals):
            with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
                check({"cluster_id": CLUSTER} | arguments)


class TestCheckLiterals:
    """What is known when a DAG is parsed is judged, whatever stands beside it."""

    @pytest.mark.parametrize(
        "arguments",
        [
            FULL_PLAIN,
            {"cluster_id": CLUSTER},
            {"job_ids": JOBS},
            {"job_ids": "{{ params.jobs }}"},
            {"job_ids": ["{{ params.job }}"]},
            {"job_ids": (JOBS[0], "{{ params.job }}")},
            {"cluster_id": "{{ params.cluster }}", "min_jobs": "{{ params.nodes }}"},
            {"cluster_id": CLUSTER, "target_state": "{{ params.state }}", "ignore_cancelled": True},
            {"cluster_id": CLUSTER, "job_ids": None},
            {"cluster_id": "{{ params.cluster }}", "job_ids": None},
            {"cluster_id": object(), "job_ids": [object()]},
        ],
        ids=lambda arguments: " ".join(f"{name}={type(each).__name__}" for name, each in arguments.items()),
    )
    def test_right_as_far_as_is_known(self, arguments: dict[str, Any]) -> None:
        WaitConfig.check_literals(arguments)

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"job_ids": ["{{ params.job }}", "JID1"]}, "each of job_ids must be JID"),
            ({"job_ids": ("JID1", "{{ params.job }}")}, "each of job_ids must be JID"),
            ({"job_ids": ["{{ params.job }}", None]}, "each of job_ids must be JID"),
            ({"job_ids": []}, "job_ids must name at least one job"),
            ({"job_ids": None}, "job_ids must name the jobs to wait for; got None [SNB103]"),
            ({"cluster_id": "{{ params.cluster }}", "min_jobs": 0}, "min_jobs must be"),
            ({"cluster_id": "CID1", "target_state": "{{ params.state }}"}, "cluster_id must be CID"),
            (
                {
                    "cluster_id": "{{ params.cluster }}",
                    "target_state": "Cancelled",
                    "ignore_cancelled": True,
                },
                "ignore_cancelled leaves out",
            ),
        ],
        ids=str,
    )
    def test_wrong_beside_a_template(self, arguments: dict[str, Any], text: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
            WaitConfig.check_literals(arguments)

    @pytest.mark.parametrize(
        "name", ["timeout", "poke_interval", "silent_fail", "max_days_in_state", "on_overdue"]
    )
    def test_not_every_parameter_may_be_a_template(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"^{name} must be"):
            WaitConfig.check_literals({"cluster_id": CLUSTER, name: "{{ params.it }}"})


class TestWhatFollows:
    def test_bounds(self) -> None:
        """Tasks in flight have been deferred with them."""
        assert SHORTEST_DELAY == 1.0
        assert timedelta(minutes=10) == BACKSTOP
        assert timedelta(days=400) == LONGEST_WAIT

    def test_deadline(self) -> None:
        config = WaitConfig.read({"cluster_id": CLUSTER, "timeout": 86400})
        assert config.deadline(START) == START + timedelta(days=1)

    @pytest.mark.parametrize(
        ("arguments", "listing", "subject", "listed", "jobs"),
        [
            pytest.param(
                {"cluster_id": CLUSTER},
                ListClusterJobs(CLUSTER),
                f"cluster {CLUSTER}",
                f"the jobs of cluster {CLUSTER}",
                f"jobs of cluster {CLUSTER}",
                id="a cluster",
            ),
            pytest.param(
                {"cluster_id": CLUSTER, "job_ids": JOBS},
                ListClusterJobs(CLUSTER),
                f"cluster {CLUSTER}",
                f"the jobs of cluster {CLUSTER}",
                f"jobs of cluster {CLUSTER}",
                id="jobs of a cluster",
            ),
            pytest.param(
                {"job_ids": JOBS[:1]}, ListJobs(), f"job {JOBS[0]}", f"job {JOBS[0]}", "jobs", id="a job"
            ),
            pytest.param(
                {"job_ids": JOBS},
                ListJobs(),
                f"job {JOBS[0]} and 2 more",
                f"job {JOBS[0]} and 2 more",
                "jobs",
                id="jobs",
            ),
        ],
    )
    def test_call_and_words(
        self, arguments: dict[str, Any], listing: Any, subject: str, listed: str, jobs: str
    ) -> None:
        config = WaitConfig.read(arguments)
        assert (config.listing, config.subject, config.listed, config.jobs) == (
            listing,
            subject,
            listed,
            jobs,
        )

    def test_the_delay_ends_at_the_deadline(self) -> None:
        config = WaitConfig.read({"cluster_id": CLUSTER, "timeout": 1000, "poke_interval": 900})
        passed = (0, 100, 101, 998, 999.5, 2000)
        delays = [config.delay(START, START + timedelta(seconds=seconds)) for seconds in passed]
        assert delays == [900, 900, 899, 2, 1, 1]

    def test_jitter_is_up_to_as_much_again(self) -> None:
        """The polls of many waits that began at once come apart."""
        delays = [
            WaitConfig.read({"job_ids": [job_id(number)], "exponential_backoff": True}).delay(START, START)
            for number in range(200)
        ]
        assert 450 <= min(delays) < 475
        assert 875 < max(delays) < 900

    def test_parts_count_in_their_main_jobs_place(self) -> None:
        main = job(1, "InProgress", JobType="EXPORT", IsMaster=True)
        config = WaitConfig.read({"job_ids": [job_id(1)]})
        progress = config.judge([main], {job_id(1): [job(2, "Complete"), job(3, "New")]})
        assert progress.reached == (Job(job_id(2), "Complete"),)
        assert progress.waiting == (Job(job_id(3), "New"),)


class TestSignatures:
    """A reader of a sensor's signature sees what holds: the defaults of the one declaration."""

    #: What Airflow's own sensors have, and a default that only a configuration knows.
    ELSEWHERE = frozenset({"exponential_backoff", "max_wait", "silent_fail", "poke_interval", "tell_changes"})

    @pytest.mark.parametrize("sensor_class", [ClusterJobsSensor, JobsSensor])
    def test_a_sensors_defaults_are_those_of_a_wait(self, sensor_class: Any) -> None:
        spelt = inspect.signature(sensor_class.__init__).parameters
        required = {"cluster_id"} if sensor_class is ClusterJobsSensor else {"job_ids"}
        left_out = OF_CLUSTERS if sensor_class is JobsSensor else set()
        assert WAIT_PARAMETERS.keys() - spelt.keys() == left_out | (self.ELSEWHERE - {"poke_interval"})
        assert {
            name: plain(spelt[name].default)
            for name in WAIT_PARAMETERS.keys() & spelt.keys() - self.ELSEWHERE - required
        } == {
            name: default
            for name, default in WAIT_PARAMETERS.items()
            if name not in self.ELSEWHERE | required | left_out
        }
        assert all(spelt[name].default is inspect.Parameter.empty for name in required)
        assert spelt["poke_interval"].default is None

    @pytest.mark.parametrize("sensor_class", [ClusterJobsSensor, JobsSensor])
    def test_a_sensor_without_arguments_waits_by_the_defaults(self, sensor_class: Any) -> None:
        required: dict[str, Any] = (
            {"cluster_id": CLUSTER} if sensor_class is ClusterJobsSensor else {"job_ids": JOBS}
        )
        sensor = sensor_class(task_id="wait", **required)
        found = {name: getattr(sensor, name) for name in WAIT_PARAMETERS if hasattr(sensor, name)}
        config = WaitConfig.read(found)
        assert config == WaitConfig.read(required)

    @pytest.mark.parametrize(
        "with_aws",
        [AwsParameters, ClusterJobsSensor, JobsSensor, ListClusterJobsOperator, ListClustersOperator],
    )
    def test_the_aws_parameters_are_spelt_with_their_defaults(self, with_aws: Any) -> None:
        spelt = inspect.signature(with_aws.__init__).parameters
        assert {name: spelt[name].default for name in AWS_PARAMETERS} == AWS_PARAMETERS
        assert all(
            each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD)
            for name, each in spelt.items()
            if name != "self"
        )


class TestPassedOn:
    """The arguments of an ``__init__`` to that of its base, which spells them once."""

    class Base:
        def __init__(self, **given: Any) -> None:
            self.given = given

    class Derived(Base):
        def __init__(self, *, one: int, two: int = 2, **kwargs: Any) -> None:
            super().__init__(**passed_on(locals()))

    def test_all_of_them(self) -> None:
        assert self.Derived(one=1, three=3).given == {"one": 1, "two": 2, "three": 3}

    def test_nothing_of_its_own(self) -> None:
        assert self.Derived(one=1).given == {"one": 1, "two": 2}

    def test_a_name_of_the_bases(self) -> None:
        assert self.Derived(one=1, given=5).given == {"one": 1, "two": 2, "given": 5}
