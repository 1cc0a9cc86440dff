"""A wait on a worker, where Airflow or another task does not give what it should: without processes."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions as bc
import pytest

from airflow_provider_snowball.exceptions import SnowballConnectionError, SnowballPermanentError
from airflow_provider_snowball.hooks import snowball
from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.sensors import base
from airflow_provider_snowball.sensors.base import _Poller
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.waiting.calls import ErrorKind, ListClusterJobs, RequestError
from tests.fakes.fleet_server import connection
from tests.fakes.local_server import LocalServer, QuietHandler
from tests.fakes.scripted_snowball import CLUSTER, job_id

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Ti:
    """A task instance that is poked for the second time."""

    try_number = 1
    max_tries = 0
    map_index = -1

    def __init__(self, *fails: int) -> None:
        self.fails = list(fails)
        self.asked = 0

    def get_first_reschedule_date(self, context: Any) -> datetime:
        self.asked += 1
        if self.asked in self.fails:
            raise RuntimeError("API_SERVER_ERROR")
        return NOW


class Store:
    def __init__(self, kept: Any) -> None:
        self.kept = kept

    def get(self, key: str) -> Any:
        return self.kept


def sensor(**more: Any) -> Any:
    return ClusterJobsSensor(task_id="wait", cluster_id=CLUSTER, target_state="WithCustomer", **more)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_PAUSES", (0.0, 0.0))


class TestWhatIsRemembered:
    def test_airflow_is_not_asked_for_what_is_stored(self) -> None:
        kept = {"try_number": 1, "first_try": 1, "started_at": NOW.isoformat()}
        ti = Ti(1)
        recalled = sensor()._recall({"ti": ti, "task_state_store": Store(kept)})
        assert recalled == {"started_at": NOW.isoformat()}
        assert ti.asked == 0

    def test_airflow_is_asked_again(self) -> None:
        ti = Ti(1, 2)
        recalled = sensor()._recall({"ti": ti, "task_state_store": Store(None)})
        assert recalled["started_at"] == NOW.isoformat()
        assert ti.asked == 3

    def test_airflow_does_not_tell(self) -> None:
        """Rather than to begin anew, without a word: this try would end later than it has to."""
        with pytest.raises(RuntimeError, match="API_SERVER_ERROR"):
            sensor()._recall({"ti": Ti(1, 2, 3)})


class TestNamedJobs:
    def test_that_come_to_none_are_not_all(self) -> None:
        task = sensor(job_ids="{{ ti.xcom_pull(task_ids='order') }}")
        task.job_ids = None
        with pytest.raises(SnowballPermanentError, match=r"^job_ids was to name .*\[SNB103\]$"):
            task._config()

    def test_that_are_there(self) -> None:
        assert sensor(job_ids=[job_id(1)])._config().job_ids == [job_id(1)]

    def test_that_were_left_out(self) -> None:
        assert sensor()._config().job_ids is None


class _Sts(LocalServer):
    """Answers nothing but a 503, or nothing at all."""

    def __init__(self) -> None:
        self.asked = 0

    def handler(self) -> type[QuietHandler]:
        server = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                server.asked += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                text = b"<ErrorResponse><Error><Code>ServiceUnavailable</Code></Error></ErrorResponse>"
                self.reply(503, "text/xml", text)

        return Handler


ROLE = "arn:aws:iam::123456789012:role/reader"


def _with_a_role(endpoint_url: str) -> str:
    services: Any = {"service_config": {"sts": {"endpoint_url": endpoint_url}}}
    return connection("http://127.0.0.1:9", retries=True, role_arn=ROLE, **services)


class TestClients:
    def test_why_there_is_none_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with _Sts() as sts:
            monkeypatch.setenv("AIRFLOW_CONN_ROLE", _with_a_role(sts.endpoint_url))
            poller = _Poller(sensor(aws_conn_id="role"), {})
            with pytest.raises(RequestError) as caught:
                poller(ListClusterJobs(CLUSTER))
            assert sts.asked == 2
        assert caught.value.kind is ErrorKind.TRANSIENT
        assert isinstance(caught.value.__cause__, bc.ClientError)

    def test_which_connection_is_missing_is_told(self) -> None:
        poller = _Poller(sensor(aws_conn_id="absent"), {})
        with pytest.raises(RequestError, match="'absent' cannot be found") as caught:
            poller(ListClusterJobs(CLUSTER))
        assert isinstance(caught.value.__cause__, SnowballConnectionError)

    def test_an_sts_that_hangs_is_not_waited_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        limits: Any = snowball._OF_STS
        # Both attempts, with their pause, in half a minute: by then the end of a wait is to be told.
        assert 2 * (limits.connect_timeout + limits.read_timeout) < 30
        monkeypatch.setattr(snowball, "_OF_STS", limits.merge(type(limits)(read_timeout=0.1)))
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setenv(
                "AIRFLOW_CONN_ROLE", _with_a_role(f"http://127.0.0.1:{silent.getsockname()[1]}")
            )
            with pytest.raises(bc.ReadTimeoutError):
                SnowballHook("role").conn  # noqa: B018  the client is what is asked for

    def test_snowball_has_its_own_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_PLAIN", connection("http://127.0.0.1:9", retries=True))
        config: Any = SnowballHook("plain").conn.meta.config
        assert (config.connect_timeout, config.read_timeout) == (15, 15)
        assert config.retries["total_max_attempts"] == 5
