"""Devices that are ordered once, at the emulator over HTTP: what it has taken is counted."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_snowball.compat import remembers_between_pokes
from airflow_provider_snowball.emulator import snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.exceptions import (
    SnowballOrderDelayedError,
    SnowballOrderError,
    SnowballPermanentError,
)
from airflow_provider_snowball.hooks.orders import send_once
from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.operators import create
from airflow_provider_snowball.operators.create import CreateClusterOperator, CreateJobOperator
from airflow_provider_snowball.ordering.machine import List, NotTaken, Times
from airflow_provider_snowball.triggers.pause import PauseTrigger
from tests.fakes.cutting_proxy import CuttingProxy
from tests.fakes.emulated import client_of, steer
from tests.fakes.fleet_server import connection
from tests.fakes.sts_server import StsServer

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[assignment, no-redef, unused-ignore]  # the same class

ROLE = "arn:aws:iam::123456789012:role/import"
#: Before the tests make it as at AWS.
LOCAL_TIMES = create._CreateOperator._local_times
BUCKETS = [{"BucketArn": "arn:aws:s3:::archive"}]


class Store:
    """Airflow's store of what a task remembers; takes the word of the current try only."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.current = 1
        self.fails = 0

    def of(self, try_number: int) -> StoreOfTry:
        return StoreOfTry(self, try_number)


@dataclass
class StoreOfTry:
    store: Store
    try_number: int

    def get(self, key: str) -> Any:
        self._fail()
        return self.store.kept.get(key) if self.try_number == self.store.current else None

    def set(self, key: str, value: Any, *, retention: Any) -> None:
        assert retention.days > 365
        self._fail()
        if self.try_number != self.store.current:
            raise RuntimeError("404")
        self.store.kept[key] = json.loads(json.dumps(value))

    def _fail(self) -> None:
        if self.store.fails:
            self.store.fails -= 1
            raise ConnectionError("the API server is away")


@dataclass
class Ti:
    """A try of a task instance, as far as an operator knows one."""

    try_number: int = 1
    map_index: int = -1
    dag_id: str = "migration"
    task_id: str = "order"
    run_id: str = "manual__1"

    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@dataclass
class DagRun:
    run_type: str
    run_after: datetime


@dataclass
class Runner:
    """Runs a task as Airflow does: defers it, and retries it."""

    endpoint_url: str
    store: Store | None
    offset: float = 0.0
    pauses: int = 0
    run: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = client_of(self.endpoint_url)
        made = {"Name": "N", "Street1": "1 Main Street", "City": "Seattle", "Country": "US"}
        self.address = self.client.create_address(Address=made)["AddressId"]

    def now(self) -> float:
        return snowball_clock.now() + 1_800_000_000.0 + self.offset

    def task(self, **arguments: Any) -> Any:
        usual = {
            "task_id": "order",
            "job_type": "IMPORT",
            "s3_resources": BUCKETS,
            "address_id": self.address,
            "role_arn": ROLE,
            "shipping_option": "NEXT_DAY",
            "snowball_type": "EDGE",
            "description": "North",
            "aws_conn_id": "snow",
            "submit": True,
        }
        return CreateJobOperator(**usual | arguments)

    def cluster(self, **arguments: Any) -> Any:
        usual = {
            "task_id": "order",
            "initial_cluster_size": 5,
            "address_id": self.address,
            "shipping_option": "NEXT_DAY",
            "snowball_type": "EDGE",
            "aws_conn_id": "snow",
            "submit": True,
        }
        return CreateClusterOperator(**usual | arguments)

    def without_sts(self, **extra: Any) -> str:
        """Return a connection by which STS cannot be reached."""
        with StsServer() as sts:
            nowhere = sts.endpoint_url
        services = {"sts": {"endpoint_url": nowhere}}
        return connection(self.endpoint_url, service_config=services, **extra)

    def taken(self) -> int:
        """Return how many jobs AWS has taken, listed or not."""
        from airflow_provider_snowball.emulator.rehearsal.models import all_backends

        return sum(len(backend.known_jobs()) for backend in all_backends())

    def context(self, ti: Ti) -> Any:
        context: dict[str, Any] = {"ti": ti, "dag_run": None, **self.run}
        if self.store is not None:
            self.store.current = ti.try_number
            context["task_state_store"] = self.store.of(ti.try_number)
        return context

    def once(self, task: Any, ti: Ti) -> Any:
        """Run one try to its end, pauses and all."""
        context = self.context(ti)
        method, given = "execute", dict[str, Any]()
        while True:
            try:
                return getattr(task, method)(context, **given)
            except TaskDeferred as deferred:
                self.pauses += 1
                trigger: Any = deferred.trigger
                snowball_clock.jump(max(trigger.until - self.now(), 0.0) + 1.0)
                # What a pause hands on is stored as JSON.
                method, given = deferred.method_name, {"event": json.loads(json.dumps(trigger.known))}

    def tries(self, task: Any, tries: int = 3) -> Any:
        """Run a task with retries."""
        for number in range(1, tries + 1):
            try:
                return self.once(task, Ti(number))
            except SnowballOrderDelayedError:
                if number == tries:
                    raise
        raise AssertionError("unreachable")


#: An Airflow without a store has none for the tests.
LINES = ["3.3", "before"] if remembers_between_pokes() else ["before"]


@pytest.fixture(params=LINES)
def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    with SnowballServer() as server:
        snowball_clock.pause()
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(server.endpoint_url, retries=True))
        monkeypatch.setenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS", "True")
        runner = Runner(server.endpoint_url, Store() if request.param == "3.3" else None)
        for module in ("operators.create", "hooks.orders"):
            monkeypatch.setattr(f"airflow_provider_snowball.{module}.now", runner.now)
        # As at AWS.
        monkeypatch.setattr(create._CreateOperator, "_local_times", Times())
        yield runner


def lose(how: str, operation: str = "CreateJob", **more: Any) -> Any:
    return snowball_faults.add("lost_answer", operations=[operation], how=how, **more)


class TestOnce:
    def test_it_is_ordered(self, runner: Runner) -> None:
        job_id = runner.once(runner.task(), Ti())
        [entry] = runner.client.list_jobs()["JobListEntries"]
        assert entry["JobId"] == job_id
        assert entry["Description"].startswith("North [af-")
        # It looks again while another could be cancelled.
        assert runner.pauses == 1
        assert runner.taken() == 1

    def test_each_run_has_its_own(self, runner: Runner) -> None:
        first = runner.once(runner.task(), Ti())
        if runner.store:
            runner.store.kept.clear()
        assert runner.once(runner.task(), Ti(run_id="manual__2")) != first

    @pytest.mark.parametrize("how", ["reset", "server_error", "cut", "hang"])
    def test_the_answer_is_lost(self, runner: Runner, how: str) -> None:
        fault = lose(how, seconds=0.1) if how == "hang" else lose(how)
        job_id = runner.once(runner.task(), Ti())
        assert (runner.taken(), fault.hits) == (1, 1)
        assert runner.client.list_jobs()["JobListEntries"][0]["JobId"] == job_id

    def test_the_answer_is_lost_and_the_listing_is_late(self, runner: Runner) -> None:
        lose("reset")
        snowball_faults.add("late_listing", operations=["CreateJob"], lag="20m")
        runner.once(runner.task(), Ti())
        assert runner.taken() == 1

    def test_the_listing_is_later_than_anything(self, runner: Runner) -> None:
        lose("reset")
        snowball_faults.add("late_listing", operations=["CreateJob"], lag="2h")
        task = runner.task()
        with pytest.raises(SnowballOrderError, match=r"may have been ordered: .* \[SNB604\]$") as caught:
            runner.once(task, Ti())
        assert "[af-" in str(caught.value)
        assert "account 123456789012, region us-east-1" in str(caught.value)
        # Once it is listed, the task takes it.
        snowball_clock.jump("3h")
        assert runner.once(task, Ti(2)) == runner.client.list_jobs()["JobListEntries"][0]["JobId"]
        assert runner.taken() == 1

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "throttle", "operations": ["CreateJob"], "count": 2},
            {"kind": "throttle", "operations": ["ListJobs"], "count": 8},
        ],
        ids=["throttled", "listing throttled"],
    )
    def test_nothing_was_taken_and_then_it_is(self, runner: Runner, fault: dict[str, Any]) -> None:
        snowball_faults.add(**fault)
        runner.tries(runner.task())
        assert runner.taken() == 1

    @pytest.mark.parametrize("fails", [1, 2, 3])
    def test_airflow_is_away_for_a_moment(self, runner: Runner, fails: int) -> None:
        if runner.store is None:
            pytest.skip("nothing is remembered")
        runner.store.fails = fails
        runner.tries(runner.task())
        assert runner.taken() == 1

    def test_a_proxy_breaks_off(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        """botocore calls it a proxy that could not be connected to."""
        with CuttingProxy("CreateJob") as proxy:
            proxies = {"proxies": {"http": proxy.endpoint_url}}
            through = connection(runner.endpoint_url, config_kwargs=proxies)
            monkeypatch.setenv("AIRFLOW_CONN_SNOW", through)
            job_id = runner.tries(runner.task())
        assert (runner.taken(), proxy.cut) == (1, 1)
        assert runner.client.list_jobs()["JobListEntries"][0]["JobId"] == job_id

    def test_no_proxy_is_there(self, runner: Runner) -> None:
        with CuttingProxy("CreateJob") as proxy:
            nowhere = proxy.endpoint_url
        hook = SnowballHook("snow", config={"proxies": {"http": nowhere}})
        outcome = send_once(hook, "CreateJob", {"JobType": "IMPORT"}, before=time.time() + 60)
        assert isinstance(outcome, NotTaken)
        assert not outcome.final

    def test_cleared_after_success(self, runner: Runner) -> None:
        task = runner.task()
        job_id = runner.once(task, Ti())
        assert runner.once(task, Ti(2)) == job_id
        assert runner.taken() == 1

    def test_lost_after_it_was_sent(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        task = runner.task()

        def die(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(CreateJobOperator, "_park", die)
            with pytest.raises(KeyboardInterrupt):
                runner.once(task, Ti())
        assert runner.taken() == 1
        runner.once(task, Ti(2))
        assert runner.taken() == 1

    def test_one_that_was_replaced_does_not_send(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It stands still before its order until another try has made one; then it goes on."""
        if runner.store is None:
            pytest.skip("Airflow refuses nothing to a try that was replaced, which the model has")
        task, carry_out = runner.task(), create._Driver.carry_out
        ordered: list[str] = []

        def dawdle(driver: Any, action: Any) -> Any:
            if isinstance(action, List) and not ordered:
                listed = carry_out(driver, action)
                ordered.append("")
                ordered[0] = str(runner.once(task, Ti(2)))
                return listed
            return carry_out(driver, action)

        monkeypatch.setattr(create._Driver, "carry_out", dawdle)
        with pytest.raises((SnowballOrderDelayedError, SnowballOrderError)):
            runner.once(task, Ti())
        assert runner.taken() == 1


class TestFailures:
    def test_refused_for_good(self, runner: Runner) -> None:
        with pytest.raises(
            SnowballOrderError, match=r"was not ordered, since AWS refuses it: .*address.*\[SNB602\]$"
        ):
            runner.once(runner.task(address_id="ADID123e4567-e89b-12d3-a456-426655440000"), Ti())
        assert runner.taken() == 0

    def test_the_limit(self, runner: Runner) -> None:
        from airflow_provider_snowball.emulator import snowball_backends

        snowball_backends["123456789012"]["us-east-1"].set_device_limit(0)
        with pytest.raises(SnowballOrderError, match="may have 0 devices at a time"):
            runner.once(runner.task(), Ti())

    def test_cancelled_by_a_person(self, runner: Runner) -> None:
        task = runner.task()
        job_id = runner.once(task, Ti())
        runner.client.cancel_job(JobId=job_id)
        with pytest.raises(SnowballOrderError, match=rf"was cancelled: {job_id}\. .*\[SNB606\]$") as caught:
            runner.once(task, Ti(2))
        # Where nothing is remembered, no later try orders by whatever key.
        assert ("another idempotency_key" in str(caught.value)) == (runner.store is not None)
        # A new run, or another key, is another order.
        if runner.store:
            assert runner.once(runner.task(idempotency_key="again"), Ti(3)) != job_id

    def test_one_that_the_task_has_not_ordered(self, runner: Runner) -> None:
        task = runner.task()
        job_id = runner.once(task, Ti())
        if runner.store:
            # The run was deleted, and made once more under its name.
            runner.store.kept.clear()
        with pytest.raises(SnowballOrderError, match=rf"has not ordered it: {job_id}\. .*\[SNB607\]$"):
            runner.once(task, Ti())
        assert runner.taken() == 1

    def test_two(self, runner: Runner) -> None:
        task = runner.task()
        job_id = runner.once(task, Ti())
        [entry] = runner.client.list_jobs()["JobListEntries"]
        other = runner.client.create_job(
            JobType="IMPORT",
            AddressId=runner.address,
            ShippingOption="NEXT_DAY",
            Description=entry["Description"],
        )["JobId"]
        with pytest.raises(SnowballOrderError, match=r"more than once: .*Cancel .*\[SNB605\]$") as caught:
            runner.once(task, Ti(2))
        assert job_id in str(caught.value)
        assert other in str(caught.value)
        runner.client.cancel_job(JobId=other)
        assert runner.once(task, Ti(2)) == job_id

    def test_not_as_asked_for(self, runner: Runner) -> None:
        job_id = runner.once(runner.task(), Ti())
        changed = runner.task(s3_resources=[{"BucketArn": "arn:aws:s3:::another"}])
        with pytest.raises(
            SnowballOrderError,
            match=rf"is {job_id}, and not as asked for: its buckets are arn:aws:s3:::archive, .*\[SNB608\]$",
        ):
            runner.once(changed, Ti(2))

    def test_the_region_was_changed(self, runner: Runner) -> None:
        if runner.store is None:
            pytest.skip("nothing is remembered")
        runner.once(runner.task(), Ti())
        with pytest.raises(SnowballOrderError, match=r"ordered elsewhere: .*\[SNB609\]$"):
            runner.once(runner.task(region_name="eu-west-1"), Ti(2))

    def test_the_account_cannot_be_asked_for_at_first(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = runner.task()
        lose("reset")
        snowball_faults.add("late_listing", operations=["CreateJob"], lag="2h")
        with monkeypatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_SNOW", runner.without_sts())
            with pytest.raises(SnowballOrderError, match=r"account unknown, region us-east-1"):
                runner.once(task, Ti())
        snowball_clock.jump("3h")
        assert runner.once(task, Ti(2)) == runner.client.list_jobs()["JobListEntries"][0]["JobId"]
        if runner.store:
            assert runner.store.kept["order"]["where"] == "account 123456789012, region us-east-1"
        assert runner.taken() == 1

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "error", "code": "AccessDeniedException", "message": "Not you"},
            {"kind": "throttle"},
        ],
        ids=["denied", "throttled"],
    )
    def test_what_was_ordered_cannot_be_looked_at(
        self, runner: Runner, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever took that for an order that was not made would order one more."""
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url))
        fault = dict(fault)
        snowball_faults.add(fault.pop("kind"), operations=["DescribeJob"], **fault)
        with pytest.raises((SnowballPermanentError, SnowballOrderDelayedError)) as caught:
            runner.once(runner.task(), Ti())
        [entry] = runner.client.list_jobs()["JobListEntries"]
        marker = entry["Description"].partition(" ")[2]
        assert str(caught.value).startswith(f"Job {marker}")
        assert f" is ordered as {entry['JobId']} (account 123456789012, region us-east-1)" in str(
            caught.value
        )
        assert str(caught.value).endswith("[SNB614]")

    def test_what_may_have_been_ordered_cannot_be_looked_for(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url))
        lose("reset")
        snowball_faults.add("throttle", operations=["ListJobs"], after="1m")
        with pytest.raises(SnowballOrderDelayedError, match=r"may have been ordered \(account.*\[SNB615\]$"):
            runner.once(runner.task(), Ti())

    def test_what_was_ordered_is_taken_whatever_was_changed_since(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = runner.once(runner.task(), Ti())
        monkeypatch.setenv(
            "AIRFLOW_CONN_SNOW", connection(runner.endpoint_url, allowed_orders={"buckets": []})
        )
        changed = runner.task(shipping_option=None, approved="another")
        assert runner.once(changed, Ti(2)) == job_id

    @pytest.mark.parametrize("why", ["the setting", "the connection", "the request", "what was approved"])
    def test_nothing_was_ordered_and_then_it_is(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch, why: str
    ) -> None:
        """As somebody finds who corrects it, and clears the task."""
        wrong = runner.task()
        with monkeypatch.context() as patch:
            match why:
                case "the setting":
                    patch.delenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS")
                case "the connection":
                    forbids = connection(runner.endpoint_url, allowed_orders={"buckets": []})
                    patch.setenv("AIRFLOW_CONN_SNOW", forbids)
                case "the request":
                    wrong = runner.task(shipping_option="BY_PIGEON")
                case "what was approved":
                    wrong = runner.task(approved="another")
            with pytest.raises(SnowballPermanentError):
                runner.once(wrong, Ti())
        if runner.store is None:
            # Nobody remembers that nothing was sent.
            with pytest.raises(SnowballOrderError, match="SNB604"):
                runner.once(runner.task(), Ti(2))
            return
        assert runner.once(runner.task(), Ti(2)) == runner.client.list_jobs()["JobListEntries"][0]["JobId"]

    def test_a_role_cannot_be_assumed_for_a_while(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setenv(
                "AIRFLOW_CONN_SNOW", runner.without_sts(role_arn="arn:aws:iam::123456789012:role/orders")
            )
            with pytest.raises(SnowballOrderDelayedError, match=r"could not be ordered .*\[SNB603\]$"):
                runner.once(runner.task(), Ti())
        # It was tried again within the try.
        assert runner.pauses > 2
        if runner.store:
            assert runner.once(runner.task(), Ti(2))

    def test_too_many_calls_fail(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        # botocore's own attempts take real time, and end as one does.
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url))
        snowball_faults.add("throttle", operations=["ListJobs"])
        with pytest.raises(SnowballOrderDelayedError, match=r"in this try: .*\[SNB603\]$"):
            runner.once(runner.task(), Ti())
        assert runner.taken() == 0

    def test_a_connection_that_is_not_there(self, runner: Runner) -> None:
        with pytest.raises(SnowballPermanentError, match=r"^Airflow connection 'absent' cannot be found"):
            runner.once(runner.task(aws_conn_id="absent"), Ti())

    def test_airflow_does_not_tell_for_long(self, runner: Runner) -> None:
        if runner.store is None:
            pytest.skip("nothing is remembered")
        runner.store.fails = 100
        with pytest.raises(SnowballOrderDelayedError, match=r"does not tell what is known .*\[SNB603\]$"):
            runner.once(runner.task(), Ti())
        assert runner.taken() == 0

    def test_the_connection_is_not_found_for_a_while(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Airflow says that of a lookup that failed, too; what boto3 finds has no list of what is allowed."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNOWBALL", runner.endpoint_url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", runner.endpoint_url)
        task = runner.task(aws_conn_id="aws_default")
        with pytest.raises(SnowballOrderDelayedError, match=r"'aws_default' cannot be found, .*\[SNB603\]$"):
            runner.once(task, Ti())
        assert runner.taken() == 0
        assert runner.once(runner.task(aws_conn_id=None), Ti(run_id="manual__2"))

    @pytest.mark.parametrize(
        ("operation", "says"),
        [
            ("ListJobs", r"may have been ordered.*\[SNB615\]$"),
            ("DescribeJob", r"is ordered as .*\[SNB614\]$"),
        ],
    )
    def test_another_try_does_not_say_that_nothing_was_ordered(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch, operation: str, says: str
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url))
        task = runner.task()
        runner.once(task, Ti())
        if runner.store:
            # As after a restored backup.
            runner.store.kept.clear()
        snowball_faults.add("error", operations=[operation], code="AccessDeniedException", message="Not you")
        with pytest.raises(SnowballPermanentError, match=says):
            runner.once(task, Ti(2))
        snowball_faults.clear()
        snowball_faults.add("throttle", operations=[operation])
        with pytest.raises(SnowballOrderDelayedError, match=says):
            runner.once(task, Ti(2))

    def test_refused_by_permission(self, runner: Runner) -> None:
        snowball_faults.add("error", operations=["ListJobs"], code="AccessDeniedException", message="Not you")
        with pytest.raises(SnowballPermanentError, match="snowball:ListJobs"):
            runner.once(runner.task(), Ti())


class TestWhatMayBeOrdered:
    def test_not_without_the_setting(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS")
        with pytest.raises(SnowballPermanentError, match=r"^Nothing was ordered: set .*\[SNB610\]$"):
            runner.once(runner.task(), Ti())
        assert runner.taken() == 0

    def test_nor_with_another_key(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        task = runner.task()
        job_id = runner.once(task, Ti())
        monkeypatch.delenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS")
        # What was ordered it may take.
        assert runner.once(task, Ti(2)) == job_id
        with pytest.raises((SnowballPermanentError, SnowballOrderError)):
            runner.once(runner.task(idempotency_key="again"), Ti(3))
        assert runner.taken() == 1

    def test_shown_and_approved(self, runner: Runner) -> None:
        shown = runner.once(runner.task(submit=False, idempotency_key="dry"), Ti(task_id="show"))
        assert shown["account"] == "123456789012"
        assert shown["region"] == "us-east-1"
        assert shown["request"]["JobType"] == "IMPORT"
        assert shown["address"]["City"] == "Seattle"
        assert shown["quota"] == {"SnowballLimit": 1, "SnowballsInUse": 0}
        assert runner.taken() == 0
        address = shown["request"]["AddressId"]
        other = runner.task(address_id=address, approved=shown["fingerprint"], shipping_option="EXPRESS")
        with pytest.raises(
            SnowballPermanentError, match=r"^Nothing was ordered: what was approved .*\[SNB613\]$"
        ):
            runner.once(other, Ti())
        runner.once(runner.task(address_id=address, approved=shown["fingerprint"]), Ti())
        assert runner.taken() == 1

    @pytest.mark.parametrize("mapped", [False, True])
    def test_not_if_nobody_has_approved(self, runner: Runner, mapped: bool) -> None:
        """What was to approve it has come to nothing: a task that returned None, or was skipped."""
        task = runner.task(approved="{{ ti.xcom_pull(task_ids='approve') }}")
        task.approved = None
        if mapped:
            partial = CreateJobOperator.partial(task_id="order").expand(
                approved=[None], idempotency_key=["north"], submit=[True]
            )
            task = partial.unmap({"approved": None, "idempotency_key": "north", "submit": True})
            for name in ("job_type", "s3_resources", "address_id", "role_arn", "shipping_option"):
                setattr(task, name, getattr(runner.task(), name))
            task.aws_conn_id = "snow"
        with pytest.raises(SnowballPermanentError, match=r"approved is None, .*\[SNB613\]$"):
            runner.once(task, Ti(map_index=0 if mapped else -1))
        assert runner.taken() == 0

    def test_approved_while_the_account_cannot_be_asked_for(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown = runner.once(runner.task(submit=False), Ti(task_id="show"))
        task = runner.task(address_id=shown["request"]["AddressId"], approved=shown["fingerprint"])
        with monkeypatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_SNOW", runner.without_sts())
            with pytest.raises(SnowballOrderDelayedError, match=r"STS does not tell .*\[SNB603\]$"):
                runner.once(task, Ti())
        assert runner.taken() == 0
        if runner.store:
            assert runner.once(task, Ti(2))

    @pytest.mark.parametrize(
        ("run_id", "run_type", "late"),
        [
            ("__airflow_temporary_run_1__", "manual", 0.0),
            ("backfill__1", "backfill", 0.0),
            ("scheduled__1", "scheduled", 3 * 86400.0),
        ],
    )
    def test_not_by_tests_and_backfills(
        self, runner: Runner, run_id: str, run_type: str, late: float
    ) -> None:
        due = datetime.fromtimestamp(runner.now() - late, UTC)
        runner.run = {"dag_run": DagRun(run_type, due)}
        with pytest.raises(SnowballPermanentError, match=r"\[SNB611\]$"):
            runner.once(runner.task(), Ti(run_id=run_id))
        assert runner.taken() == 0

    @pytest.mark.parametrize(("allowed", "code"), [("True", "SNB611"), ("False", "SNB610")])
    def test_not_by_tests_that_count_from_0(
        self, runner: Runner, allowed: str, code: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As `airflow tasks test` of 3.3 does."""
        monkeypatch.setenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS", allowed)
        with pytest.raises(SnowballPermanentError, match=rf"\[{code}\]$"):
            runner.once(runner.task(), Ti(0, run_id="__airflow_temporary_run_1__"))
        assert runner.taken() == 0

    def test_not_by_tests_of_a_run_that_is_there(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`airflow tasks test` sets it, and takes a run if it is given one."""
        monkeypatch.setenv("AIRFLOW_TEST_MODE", "True")
        with pytest.raises(SnowballPermanentError, match=r"\[SNB611\]$"):
            runner.once(runner.task(), Ti())
        assert runner.taken() == 0

    def test_not_by_clearing_a_run_that_catches_up(self, runner: Runner) -> None:
        due = datetime.fromtimestamp(runner.now() - 3 * 86400.0, UTC)
        runner.run = {"dag_run": DagRun("scheduled", due)}
        for number in (1, 2):
            with pytest.raises((SnowballPermanentError, SnowballOrderError)):
                runner.once(runner.task(), Ti(number))
        assert runner.taken() == 0

    def test_by_a_run_that_is_due(self, runner: Runner) -> None:
        runner.run = {"dag_run": DagRun("scheduled", datetime.fromtimestamp(runner.now(), UTC))}
        task = runner.task()
        job_id = runner.once(task, Ti())
        # What it has ordered it takes, whenever somebody clears it.
        snowball_clock.jump("5d")
        assert runner.once(task, Ti(2)) == job_id

    def test_not_what_the_connection_forbids(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        allowed = {"buckets": ["arn:aws:s3:::other"], "snowball_types": ["EDGE"]}
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url, allowed_orders=allowed))
        with pytest.raises(
            SnowballPermanentError, match=r"^arn:aws:s3:::archive is none of buckets .*\[SNB612\]$"
        ):
            runner.once(runner.task(), Ti())

    def test_no_node_of_a_cluster_that_the_connection_forbids(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A node goes where its cluster is."""
        cluster_id = runner.once(runner.cluster(), Ti(task_id="cluster"))
        if runner.store:
            runner.store.kept.clear()
        node = CreateJobOperator(task_id="node", cluster_id=cluster_id, aws_conn_id="snow", submit=True)
        allowed = {"address_ids": [f"ADID{uuid4()}"]}
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url, allowed_orders=allowed))
        with pytest.raises(SnowballPermanentError, match=rf"^{runner.address} is none of .*\[SNB612\]$"):
            runner.once(node, Ti(task_id="node"))
        # What a node has of its own does not hide what its cluster has.
        hiding = CreateJobOperator(
            task_id="node",
            cluster_id=cluster_id,
            address_id=allowed["address_ids"][0],
            aws_conn_id="snow",
            submit=True,
        )
        with pytest.raises(SnowballPermanentError, match=rf"^{runner.address} is none of .*\[SNB612\]$"):
            runner.once(hiding, Ti(task_id="node"))
        allowed = {"address_ids": [runner.address], "snowball_types": ["EDGE"]}
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url, allowed_orders=allowed))
        assert runner.once(node, Ti(task_id="node"))

    def test_no_type_that_is_left_to_aws(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        allowed = {"snowball_types": ["EDGE"]}
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url, allowed_orders=allowed))
        with pytest.raises(SnowballPermanentError, match=r"^a SnowballType that is left out .*\[SNB612\]$"):
            runner.once(runner.task(snowball_type=None), Ti())

    def test_what_the_connection_allows_as_a_form_stores_it(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        allowed = json.dumps({"buckets": ["arn:aws:s3:::archive"], "address_ids": [runner.address]})
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url, allowed_orders=allowed))
        assert runner.once(runner.task(), Ti())

    @pytest.mark.parametrize(
        ("allowed", "says"),
        [
            ({"bucket": ["arn:aws:s3:::archive"]}, "'bucket' is none of address_ids, buckets, "),
            ({"buckets": "arn:aws:s3:::archive"}, "buckets must be a list of texts"),
            ({"buckets": None}, "buckets must be a list of texts"),
            (["arn:aws:s3:::archive"], "must be a JSON object; got a list"),
        ],
    )
    def test_what_the_connection_allows_is_misspelt(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch, allowed: Any, says: str
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url, allowed_orders=allowed))
        with pytest.raises(SnowballPermanentError, match=f"^allowed_orders in the extra .*{says}"):
            runner.once(runner.task(), Ti())
        assert runner.taken() == 0

    def test_the_key_changes_while_it_is_deferred(self, runner: Runner) -> None:
        """As a template of it may; nobody has cleared the task."""
        task, context = runner.task(idempotency_key="north"), runner.context(Ti())
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(context)
        task.idempotency_key = "south"
        event = json.loads(json.dumps(deferred.value.trigger.known))
        with pytest.raises(SnowballOrderError, match=r"has changed while order \[af-.*\[SNB616\]$") as caught:
            task.execute_complete(context, event=event)
        [entry] = runner.client.list_jobs()["JobListEntries"]
        assert entry["JobId"] in str(caught.value)
        task.idempotency_key = "north"
        assert runner.once(task, Ti(2)) == entry["JobId"]
        assert runner.taken() == 1

    def test_a_key_that_comes_back_is_known(self, runner: Runner) -> None:
        if runner.store is None:
            pytest.skip("nothing is remembered")
        lose("reset", count=1)
        snowball_faults.add("late_listing", operations=["CreateJob"], lag="2h")
        north, south = runner.task(idempotency_key="north"), runner.task(idempotency_key="south")
        with pytest.raises(SnowballOrderError, match="SNB604"):
            runner.once(north, Ti())
        wrong = runner.task(idempotency_key="south", address_id=f"ADID{uuid4()}")
        with pytest.raises(SnowballOrderError, match="SNB602"):
            runner.once(wrong, Ti(2))
        with pytest.raises(SnowballOrderError, match="SNB604"):
            runner.once(north, Ti(3))
        assert runner.taken() == 1
        snowball_clock.jump("3h")
        assert runner.once(north, Ti(4)) == runner.client.list_jobs()["JobListEntries"][0]["JobId"]
        assert runner.once(south, Ti(5))
        assert runner.taken() == 2
        assert runner.once(north, Ti(6)) != runner.once(south, Ti(7))

    def test_shown_first_and_then_ordered_by_the_same_task(self, runner: Runner) -> None:
        if runner.store is None:
            pytest.skip("nothing is remembered")
        runner.once(runner.task(submit=False), Ti())
        assert runner.once(runner.task(), Ti(2))

    def test_it_is_not_said_that_nothing_is_ordered(self, runner: Runner) -> None:
        """Where ordering is switched off between the order and the look after it."""
        task, context = runner.task(), runner.context(Ti())
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(context)
        task.submit = False
        event = json.loads(json.dumps(deferred.value.trigger.known))
        with pytest.raises(SnowballPermanentError, match=r"is ordered as .*\[SNB614\]$"):
            task.execute_complete(context, event=event)

    def test_a_description_that_came_to_nothing_orders_nothing(self, runner: Runner) -> None:
        """Once it is corrected, another try orders."""
        if runner.store is None:
            pytest.skip("nothing is remembered")
        task = runner.task(description="{{ params.site }}")
        task.description = ""
        with pytest.raises(SnowballPermanentError, match="SNB114"):
            runner.once(task, Ti())
        task.description = "North"
        assert runner.once(task, Ti(2))
        assert runner.taken() == 1

    def test_a_description_that_comes_to_nothing_after_the_order(self, runner: Runner) -> None:
        task = runner.task(description="{{ params.site }}")
        task.description = "North"
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(runner.context(Ti()))
        task.description = ""
        event = json.loads(json.dumps(deferred.value.trigger.known))
        with pytest.raises(SnowballPermanentError, match=r"is ordered as .*\[SNB614\]$"):
            task.execute_complete(runner.context(Ti()), event=event)

    def test_mapped_without_a_key(self, runner: Runner) -> None:
        with pytest.raises(SnowballPermanentError, match=r"^idempotency_key must be given .*\[SNB116\]$"):
            runner.once(runner.task(), Ti(map_index=0))
        first = runner.once(runner.task(idempotency_key="north"), Ti(map_index=0))
        if runner.store:
            runner.store.kept.clear()
        assert runner.once(runner.task(idempotency_key="south"), Ti(map_index=1)) != first

    def test_a_key_of_nought(self, runner: Runner) -> None:
        assert runner.once(runner.task(idempotency_key=0), Ti(map_index=0))

    @pytest.mark.parametrize(
        "key", ["north", "{{ params.wave }}", "{{ ti.run_id }}", "{{ task.task_id }}", ""]
    )
    @pytest.mark.parametrize("how", ["itself", "default_args"])
    def test_mapped_with_one_key_for_all(self, key: str, how: str) -> None:
        given = {"idempotency_key": key}
        with pytest.raises(ValueError, match=r"the same for all; .*\[SNB116\]$"):
            CreateJobOperator.partial(
                task_id="order", **(given if how == "itself" else {"default_args": given})
            )

    def test_mapped_with_keys_of_their_own(self) -> None:
        key = "{{ params.keys[ti.map_index] }}"
        CreateJobOperator.partial(task_id="a", idempotency_key=key).expand(description=["North", "South"])
        CreateClusterOperator.partial(task_id="b").expand_kwargs([{"idempotency_key": "north"}])

    def test_what_has_the_index_now_may_have_been_another(self, runner: Runner) -> None:
        """The list has lost an item: what was sent for this one, at another index, nobody here knows."""
        north, south = runner.task(idempotency_key="north"), runner.task(idempotency_key="south")
        job_id = runner.once(north, Ti(map_index=0))
        with pytest.raises(SnowballOrderError, match=r"may have been ordered: .*\[SNB604\]$"):
            runner.once(south, Ti(2, map_index=0))
        assert runner.taken() == 1
        # What is listed it takes.
        assert runner.once(north, Ti(3, map_index=0)) == job_id

    def test_a_listing_fails_for_what_has_another_index_now(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url))
        north, south = runner.task(idempotency_key="north"), runner.task(idempotency_key="south")
        runner.once(north, Ti(map_index=0))
        snowball_faults.add("throttle", operations=["ListJobs"], count=1)
        with pytest.raises(SnowballOrderError, match="SNB604"):
            runner.once(south, Ti(2, map_index=0))
        snowball_faults.add("throttle", operations=["ListJobs"])
        with pytest.raises(SnowballOrderDelayedError, match=r"may have been ordered.*\[SNB615\]$"):
            runner.once(south, Ti(3, map_index=0))
        assert runner.taken() == 1

    def test_what_had_the_index_before_had_only_begun(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        north, south = runner.task(idempotency_key="north"), runner.task(idempotency_key="south")
        with monkeypatch.context() as patch:
            patch.delenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS")
            with pytest.raises(SnowballPermanentError, match="SNB610"):
                runner.once(north, Ti(map_index=0))
        kept = dict(runner.store.kept) if runner.store else {}
        if runner.store:
            # That of another instance.
            runner.store.kept.clear()
        job_id = runner.once(south, Ti(map_index=1))
        if runner.store:
            runner.store.kept.clear()
            runner.store.kept |= kept
        # The list has lost north.
        assert runner.once(south, Ti(2, map_index=0)) == job_id
        assert runner.taken() == 1

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"job_type": "IMPRT"}, r"JobType must be one of IMPORT, EXPORT, LOCAL_USE; got 'IMPRT'"),
            ({"address_id": "here"}, r"AddressId has 4 characters"),
            ({"address_id": None, "role_arn": None}, r"needs address_id, role_arn"),
            ({"s3_resources": None}, r"needs s3_resources"),
            ({"role_arn": "arn:aws:iam::1:role/x"}, r"RoleARN must be of the form"),
            ({"s3_resources": [{"Bucket": "x"}]}, r"Resources.S3Resources.0..Bucket is none of BucketArn"),
        ],
    )
    def test_a_wrong_request(self, runner: Runner, arguments: dict[str, Any], says: str) -> None:
        with pytest.raises(SnowballPermanentError, match=rf"{says}.*\[SNB115\]$"):
            runner.once(runner.task(**arguments), Ti())
        assert runner.taken() == 0

    @pytest.mark.parametrize("description", ["", " ", "a\nb", "x" * 1010, "a [af-0123456789abcdef]"])
    def test_a_wrong_description(self, runner: Runner, description: str) -> None:
        with pytest.raises(ValueError, match=r"^description must .*\[SNB114\]$"):
            runner.task(description=description)


class TestClusters:
    def test_once(self, runner: Runner) -> None:
        fault = lose("reset", "CreateCluster")
        ti = Ti()
        cluster_id = runner.once(runner.cluster(), ti)
        assert len(ti.xcoms["job_ids"]) == 5
        assert [each["ClusterId"] for each in runner.client.list_clusters()["ClusterListEntries"]] == [
            cluster_id
        ]
        assert fault.hits == 1

    def test_its_jobs_cannot_be_listed_for_a_while(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(runner.endpoint_url))
        snowball_faults.add("throttle", operations=["ListClusterJobs"], count=3)
        ti = Ti()
        assert runner.once(runner.cluster(), ti)
        assert len(ti.xcoms["job_ids"]) == 5

    def test_its_jobs_may_not_be_listed(self, runner: Runner) -> None:
        snowball_faults.add("error", operations=["ListClusterJobs"], code="AccessDeniedException")
        with pytest.raises(SnowballPermanentError, match=r"is ordered as CID.*\[SNB614\]$"):
            runner.once(runner.cluster(), Ti())

    def test_one_that_a_listing_has_twice(self, runner: Runner) -> None:
        """As it has while pages shift."""
        made = {runner.once(runner.cluster(), Ti(run_id=f"manual__{number}")) for number in range(2)}
        if runner.store:
            runner.store.kept.clear()
        snowball_faults.add("shifted_listing", operations=["ListClusters"], count=1)
        listed = [each["ClusterId"] for each in SnowballHook("snow").list_clusters(page_size=1)]
        assert sorted(listed) == sorted(made)

    def test_a_node(self, runner: Runner) -> None:
        cluster_id = runner.once(runner.cluster(), Ti())
        lose("server_error")
        node = CreateJobOperator(
            task_id="node", cluster_id=cluster_id, aws_conn_id="snow", submit=True, description="Tray 6"
        )
        if runner.store:
            runner.store.kept.clear()
        job_id = runner.once(node, Ti(task_id="node"))
        listed = runner.client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]
        assert job_id in [each["JobId"] for each in listed]
        assert len(listed) == 6

    def test_a_number_of_a_template(self, runner: Runner) -> None:
        cluster_id = runner.once(runner.cluster(initial_cluster_size="3"), Ti())
        assert len(runner.client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]) == 3


def test_an_export_is_its_main_job(runner: Runner) -> None:
    lose("reset")
    task = runner.task(job_type="EXPORT")
    job_id = runner.once(task, Ti())
    assert job_id.startswith("MID")
    steer(runner.endpoint_url, job_id, state="Pending")
    snowball_clock.jump("2d")
    # Its parts are described as it is.
    assert runner.once(task, Ti(2)) == job_id


def test_the_audit_has_a_line(runner: Runner, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    job_id = runner.once(runner.task(), Ti())
    [line] = [each.getMessage() for each in caplog.records if '"CreateJob"' in each.getMessage()]
    told = json.loads(line.partition(": ")[2])
    assert (told["outcome"], told["order_id"]) == ("taken", job_id)
    assert told["marker"].startswith("[af-")


def test_nobody_waits_at_a_local_snowball(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create._CreateOperator, "_local_times", LOCAL_TIMES)
    began = runner.now()
    assert runner.once(runner.task(), Ti())
    assert runner.now() - began < 60
    lose("reset")
    began = runner.now()
    assert runner.once(runner.task(idempotency_key="another"), Ti(task_id="another"))
    assert runner.now() - began < 60


def test_a_pause_hands_on_what_it_was_given() -> None:
    async def events(trigger: Any) -> list[Any]:
        return [event.payload async for event in trigger.run()]

    known = {"memory": None, "attempts": 2}
    path, arguments = PauseTrigger(until=time.time() + 0.1, known=known).serialize()
    module, _, name = path.rpartition(".")
    stored = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert asyncio.run(events(stored)) == [known]
    assert time.time() >= arguments["until"]
