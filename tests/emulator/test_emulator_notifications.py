"""Notifications through moto's SNS to its SQS, in-process and over HTTP."""

from __future__ import annotations

import itertools
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from moto import mock_aws

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.rehearsal.models import announcer
from airflow_provider_snowball.lifecycle import PATHS, JobType
from tests.emulator.api.calls import (
    Connect,
    client_of,
    create_address,
    create_cluster,
    create_job,
    ids_of,
)
from tests.emulator.snowball_calls import backend, eventually

MORE = " More info - https://console.aws.amazon.com/importexport"
LOCAL_USE = [state.value for state in PATHS[JobType.LOCAL_USE] if state != "InProgress"]


class Subscribed:
    """A topic, and a queue that is subscribed to it."""

    def __init__(self, connect: Connect, **attributes: str) -> None:
        self.sns, self._sqs = connect(service="sns"), connect(service="sqs")
        self.arn = self.sns.create_topic(Name="snowball", Attributes=attributes)["TopicArn"]
        self.url = self._sqs.create_queue(QueueName="snowball")["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
        self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue["QueueArn"])

    def received(self) -> list[str]:
        """Return the messages that have come since the last call, in their order."""
        # A request does not wait for the thread that may be announcing what it did.
        announcer.settle()
        texts = []
        while messages := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                texts.append(json.loads(message["Body"])["Message"])
        return texts

    def notification(self, *states: str) -> dict[str, Any]:
        if not states:
            return {"SnsTopicARN": self.arn, "NotifyAll": True}
        return {"SnsTopicARN": self.arn, "NotifyAll": False, "JobStatesToNotify": list(states)}


@pytest.fixture
def subscribed(connect: Connect) -> Subscribed:
    return Subscribed(connect)


def test_every_state_once_and_in_order(client: Any, subscribed: Subscribed) -> None:
    job_id = create_job(client, "IMPORT", Description="Photos", Notification=subscribed.notification())
    texts = [
        "has been created.",
        "is being listed.",
        "is pending.",
        "is being prepared.",
        "is being prepared for shipment.",
        "is in transit to you.",
        "was delivered to you.",
        "is in transit to AWS.",
        "is at AWS sorting facility.",
        "is at AWS.",
        "is being imported.",
        "complete.\nThanks for using AWS Snowball Edge.",
    ]
    received = []
    for _ in range(40):
        snowball_clock.jump("1d")
        client.describe_job(JobId=job_id)
        received += subscribed.received()
    assert received == [f"Your job Photos ({job_id}) {text}{MORE}" for text in texts]


def test_though_nobody_calls_snowball(client: Any, subscribed: Subscribed) -> None:
    """Not even the clock is touched; time passes."""
    create_job(client, "LOCAL_USE", Notification=subscribed.notification("WithCustomer", "Complete"))
    snowball_clock.set_speed("60d/s")
    received: list[str] = []

    def both() -> bool:
        received.extend(subscribed.received())
        return len(received) >= 2

    eventually(both)
    assert [re.sub(r" \(.*?\)", "", text).split(" ")[2] for text in received] == ["was", "complete.\nThanks"]


def test_at_once_where_a_job_is_steered(client: Any, subscribed: Subscribed) -> None:
    job_id = create_job(client, "LOCAL_USE", Notification=subscribed.notification())
    subscribed.received()
    backend().set_state(job_id, "Teleporting")
    assert subscribed.received() == [f"Your job ({job_id}) is Teleporting.{MORE}"]
    backend().set_plan(job_id, [("WithCustomer", "1d"), ("InTransitToAWS", None)])
    assert subscribed.received() == [f"Your job ({job_id}) was delivered to you.{MORE}"]
    backend().send_on(job_id)
    assert subscribed.received() == [f"Your job ({job_id}) is in transit to AWS.{MORE}"]


def test_only_what_is_asked_for(client: Any, subscribed: Subscribed) -> None:
    some = create_job(client, "LOCAL_USE", Notification=subscribed.notification("WithCustomer", "WithAWS"))
    create_job(client, "LOCAL_USE", Notification={"SnsTopicARN": subscribed.arn, "JobStatesToNotify": []})
    create_job(client, "LOCAL_USE", Notification={"NotifyAll": True})
    create_job(client, "LOCAL_USE")
    snowball_clock.jump("40d")
    assert subscribed.received() == [
        f"Your job ({some}) was delivered to you.{MORE}",
        f"Your job ({some}) is at AWS.{MORE}",
    ]


def test_nodes_notify_as_their_cluster_says(client: Any, subscribed: Subscribed) -> None:
    cluster_id = create_cluster(client, 3, Notification=subscribed.notification("New", "Complete"))
    job_ids = ids_of(client, cluster_id)
    assert subscribed.received() == [f"Your job ({job_id}) has been created.{MORE}" for job_id in job_ids]
    snowball_clock.jump("40d")
    received = subscribed.received()
    assert len(received) == 3
    # In the order in which they happened, not in that of the jobs.
    ends = {job_id: backend().jobs[job_id].timeline()[-1][0] for job_id in job_ids}
    assert [re.findall(r"\((JID.*?)\)", text)[0] for text in received] == sorted(
        job_ids, key=ends.__getitem__
    )


def test_cancellation(client: Any, subscribed: Subscribed) -> None:
    cluster_id = create_cluster(client, 3, Notification=subscribed.notification("Cancelled"))
    job_ids = ids_of(client, cluster_id)
    client.cancel_job(JobId=job_ids[1])
    assert subscribed.received() == [f"Your job ({job_ids[1]}) was canceled.{MORE}"]
    client.cancel_cluster(ClusterId=cluster_id)
    assert len(subscribed.received()) == 2


def test_export_notifies_for_the_whole_and_for_each_part(client: Any, subscribed: Subscribed) -> None:
    main_id = create_job(
        client, "EXPORT", Notification=subscribed.notification("New", "InProgress", "Complete")
    )
    snowball_clock.jump("60d")
    parts = [job.job_id for job in backend().jobs[main_id].family[1:]]
    received = subscribed.received()
    for job_id in (main_id, *parts):
        mine = [text.split(f"({job_id}) ")[1] for text in received if job_id in text]
        assert mine == [
            f"has been created.{MORE}",
            f"is being Exported.{MORE}",
            f"complete.\nThanks for using AWS Snowball Edge.{MORE}",
        ]
    assert len(received) == 9


def test_updated_notification_is_for_what_comes_then(client: Any, subscribed: Subscribed) -> None:
    quiet = create_job(client, "LOCAL_USE")
    client.update_job(JobId=quiet, Notification=subscribed.notification())
    assert subscribed.received() == []
    snowball_clock.jump("90m")
    assert subscribed.received() == [f"Your job ({quiet}) is being listed.{MORE}"]

    cluster_id = create_cluster(client, 3)
    client.update_cluster(ClusterId=cluster_id, Notification=subscribed.notification("Complete"))
    snowball_clock.jump("40d")
    assert len([text for text in subscribed.received() if "complete" in text]) == 4


def test_topic_of_another_region(client: Any, connect: Connect, subscribed: Subscribed) -> None:
    abroad = connect("eu-west-1")
    abroad.create_job(
        JobType="IMPORT",
        AddressId=create_address(abroad),
        ShippingOption="STANDARD",
        Notification=subscribed.notification("New"),
    )
    assert len(subscribed.received()) == 1


def test_topic_under_aws_own_key(client: Any, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    subscribed = Subscribed(connect, KmsMasterKeyId="alias/aws/sns")
    create_job(client, "IMPORT", Notification=subscribed.notification())
    assert subscribed.received() == []
    assert f"{subscribed.arn} gets no notifications, as it is under the AWS-managed key" in caplog.text


def test_topic_that_is_not_there(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    arn = "arn:aws:sns:us-east-1:123456789012:gone"
    job_id = create_job(client, "IMPORT", Notification={"SnsTopicARN": arn, "NotifyAll": True})
    snowball_clock.jump("40d")
    assert client.describe_job(JobId=job_id)["JobMetadata"]["JobState"] == "Complete"
    assert f"Cannot notify {arn} that {job_id} is New:" in caplog.text


class TestSubscriberOverHttp:
    @pytest.fixture
    def subscribe(self, connect: Connect) -> Iterator[Callable[[Callable[[str], object]], dict[str, Any]]]:
        """``subscribe(hear)``: a Notification; ``hear`` gets each message, and is waited for."""
        with ExitStack() as stack:

            def subscribe(hear: Callable[[str], object]) -> dict[str, Any]:
                class Handler(BaseHTTPRequestHandler):
                    def do_POST(self) -> None:
                        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                        if body["Type"] == "Notification":
                            hear(body["Message"])
                        self.send_response(200)
                        self.end_headers()

                    def log_message(self, *args: Any) -> None:
                        pass

                server = stack.enter_context(HTTPServer(("127.0.0.1", 0), Handler))
                thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
                thread.start()
                stack.callback(thread.join)
                stack.callback(server.shutdown)
                sns = connect(service="sns")
                arn = sns.create_topic(Name="snowball")["TopicArn"]
                sns.subscribe(
                    TopicArn=arn, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/"
                )
                return {"SnsTopicARN": arn, "NotifyAll": True}

            yield subscribe

    def test_is_answered(self, client: Any, subscribe: Any) -> None:
        """One that asks Snowball while it is notified, as one that wakes up on a message does."""
        seen = []

        def ask(message: str) -> None:
            job_id = re.findall(r"\((JID.*?)\)", message)[0]
            seen.append((message, client.describe_job(JobId=job_id)["JobMetadata"]["JobState"]))

        job_id = create_job(client, "IMPORT", Notification=subscribe(ask))
        eventually(lambda: bool(seen))
        snowball_clock.jump("6d")
        eventually(lambda: len(seen) >= 7)
        assert [state for _, state in seen] == ["New"] + ["WithCustomer"] * 6
        assert seen[-1][0] == f"Your job ({job_id}) was delivered to you.{MORE}"

    def test_is_told_before_a_jump_returns(
        self, client: Any, subscribe: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Though another thread has begun to tell of it."""
        began, may_go_on = threading.Event(), threading.Event()
        told: list[str] = []

        def hear(message: str) -> None:
            began.set()
            may_go_on.wait()
            told.append(message)

        may_go_on.set()
        create_job(client, "LOCAL_USE", Notification=subscribe(hear))
        announcer.settle()
        began.clear()
        may_go_on.clear()
        with monkeypatch.context() as context:
            # Only the thread looks.
            context.setattr(snowball_clock, "after_jump", [])
            snowball_clock.jump("6d")
        eventually(began.is_set)
        jump = threading.Thread(target=snowball_clock.jump, args=("40d",))
        jump.start()
        jump.join(0.5)
        waited = jump.is_alive()
        may_go_on.set()
        jump.join()
        assert waited
        assert len(told) == len(LOCAL_USE)

    def test_may_move_the_time(self, client: Any, subscribe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that does waits for what waits for it, and is let go."""
        monkeypatch.setattr("airflow_provider_snowball.emulator.rehearsal.announcer._PATIENCE", 0.05)
        told: list[str] = []

        def hear(message: str) -> None:
            told.append(message)
            if len(told) == 1:
                snowball_clock.jump("40d")

        create_job(client, "LOCAL_USE", Notification=subscribe(hear))
        eventually(lambda: len(told) >= len(LOCAL_USE))
        assert len(told) == len(LOCAL_USE)


def test_watch_ends_with_the_jobs() -> None:
    """In-process, that is: a server's goes on, for its log."""

    def watches() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "snowball-announcer"]

    with mock_aws():
        subscribed = Subscribed(client_of)
        create_job(client_of(), "IMPORT", Notification=subscribed.notification())
        assert watches()
        backend().reset()
        eventually(lambda: not watches())


def test_transitions_are_logged(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airflow_provider_snowball.emulator")
    job_id = create_job(client, "LOCAL_USE")
    snowball_clock.jump("40d")
    lines = [line for line in caplog.messages if line.startswith(job_id)]
    assert [line.split()[1:4] for line in lines] == [
        [before, "->", after] for before, after in itertools.pairwise(LOCAL_USE)
    ]
