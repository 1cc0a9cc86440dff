"""
Devices that are ordered once, in Airflow's own processes: what AWS has taken is counted.

Each row of the table is a run in a region of its own, all at a time but for the one that needs the API server
to be away. Before Airflow 3.3, which remembers what a task has done, more of them end as unknown.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_snowball.emulator import snowball_backends, snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.fakes.emulated import client_of, create_address
from tests.system.airflow_processes import AirflowProcesses, processes_of
from tests.system.demo import connect
from tests.system.execution_proxy import ExecutionProxy
from tests.system.fire.judge import AIRFLOWS_FAULTS
from tests.system.patience import until
from tests.system.postgres import Postgres, programs

REMEMBERS = Version(airflow_version) >= Version("3.3")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(airflow_version.startswith("2."), reason="the processes here are those of Airflow 3"),
    pytest.mark.skipif(
        programs() is None, reason="PostgreSQL is not installed (Debian's package postgresql)"
    ),
]

ACCOUNT = "123456789012"
TASK = "order"
DAGS = Path(__file__).with_name("dags")
#: Of dags/order.py.
LEASE = 15.0
ENDED = ("success", "failed")
SETTINGS = {
    "AIRFLOW__SNOWBALL__ALLOW_ORDERS": "True",
    # Some are taken by those that hang or stand still.
    "AIRFLOW__CORE__PARALLELISM": "8",
    # How soon a worker's run that is gone is another try; minutes by default.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "40",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
}


class Gates:
    """Real seconds of the emulator's faults that last until they are told to end."""

    def __init__(self) -> None:
        self._gates: dict[float, threading.Event] = {}

    def new(self) -> float:
        """Return a number of seconds that means: until it is opened."""
        seconds = 100_000.0 + len(self._gates)
        self._gates[seconds] = threading.Event()
        return seconds

    def open(self, seconds: float) -> None:
        self._gates[seconds].set()

    def sleep(self, seconds: float) -> None:
        if gate := self._gates.get(seconds):
            gate.wait(600)
        else:
            time.sleep(seconds)


@dataclass
class Site:
    """What the rows share."""

    airflow: AirflowProcesses
    snowball: SnowballServer
    proxy: ExecutionProxy
    gates: Gates


@dataclass
class Scene:
    """A run of an order, in a region of its own."""

    site: Site
    region: str
    dag_id: str = "order_device"
    run_id: str = ""

    @property
    def client(self) -> Any:
        return client_of(self.site.snowball.endpoint_url, self.region)

    def fault(self, kind: str, operation: str, **options: Any) -> Any:
        return snowball_faults.add(kind, operations=[operation], region_name=self.region, **options)

    def gate(self, kind: str, operation: str, **options: Any) -> tuple[Callable[[], None], Any]:
        """Have the first request of an operation wait; return what lets it go on, and the fault."""
        seconds = self.site.gates.new()
        fault = self.fault(kind, operation, count=1, seconds=seconds, **options)
        return partial(self.site.gates.open, seconds), fault

    def start(self) -> None:
        conf = {"address_id": create_address(self.client), "region_name": self.region}
        self.run_id = self.site.airflow.api.trigger(self.dag_id, conf)

    def instance(self) -> dict[str, Any]:
        [instance] = self.site.airflow.api.task_instances(self.dag_id, self.run_id)
        return instance

    def until_ended(self, try_number: int = 1) -> None:
        """Wait until a try, or one after it, was the last."""

        def has_ended() -> bool:
            instance = self.instance()
            return instance["state"] in ENDED and instance["try_number"] >= try_number

        until(has_ended, f"{self.run_id} in {self.region} has ended")

    def clear(self) -> None:
        """Clear the task, as a person does."""
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [TASK], "only_failed": False}
        self.site.airflow.api.post(f"/dags/{self.dag_id}/clearTaskInstances", body)

    def processes(self, try_number: int) -> list[int]:
        """Return the pids of a try and of its supervisor."""
        return list(json.loads((self.site.airflow.home / "pids" / f"{self.run_id}.{try_number}").read_text()))

    def orders(self) -> list[str]:
        """Return the ids of what AWS has taken, listed or not."""
        if self.dag_id == "order_cluster":
            return [each["ClusterId"] for each in self.client.list_clusters()["ClusterListEntries"]]
        return [job.job_id for job in snowball_backends[ACCOUNT][self.region].known_jobs()]

    def was_failed_by_airflow(self) -> bool:
        """Tell whether Airflow has failed a try by a fault of its own, and maybe what it had found out."""
        scheduler = (self.site.airflow.home / "scheduler.log").read_text(errors="replace")
        return any(
            self.run_id in line and fault in line
            for line in scheduler.splitlines()
            for fault in AIRFLOWS_FAULTS
        )

    def log(self) -> str:
        return self.site.airflow.api.log(
            self.dag_id, self.run_id, TASK, try_number=self.instance()["try_number"]
        )


def signalled(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


# What happens to an order


def meets(kind: str, operation: str = "CreateJob", **options: Any) -> Callable[[Scene], None]:
    """Let the order meet a fault."""

    def happens(scene: Scene) -> None:
        fault = scene.fault(kind, operation, **{"count": 1} | options)
        scene.start()
        scene.until_ended()
        assert fault.hits == options.get("count", 1)

    return happens


def is_listed_late(lag: str) -> Callable[[Scene], None]:
    """Let the answer be lost, and the order be in no listing for a while."""

    def happens(scene: Scene) -> None:
        scene.fault("late_listing", "CreateJob", lag=lag)
        meets("lost_answer")(scene)

    return happens


def is_cleared(scene: Scene) -> None:
    """Let a person clear the task after its success."""
    scene.start()
    scene.until_ended()
    assert scene.instance()["state"] == "success"
    scene.clear()
    scene.until_ended(2)


def is_killed(gate: str, operation: str, *, with_supervisor: bool, **options: Any) -> Callable[[Scene], None]:
    """Let the process be killed while it waits for an answer."""

    def happens(scene: Scene) -> None:
        let_go, fault = scene.gate(gate, operation, **options)
        scene.start()
        until(lambda: fault.hits == 1, f"{operation} is asked for in {scene.region}")
        worker, supervisor = scene.processes(1)
        signalled([supervisor, worker] if with_supervisor else [worker], signal.SIGKILL)
        let_go()
        scene.until_ended(2)

    return happens


def stands_still(scene: Scene, let_go: Callable[[], None]) -> None:
    """Let the first try stand still until another has ended; then it goes on."""
    pids = scene.processes(1)
    began = time.monotonic()
    signalled(pids, signal.SIGSTOP)
    let_go()
    scene.until_ended(2)
    # Whatever it is about to send is older than the lease then.
    time.sleep(max(0.0, began + LEASE + 2 - time.monotonic()))
    signalled(pids, signal.SIGCONT)
    until(lambda: not any(map(_runs, pids[:1])), f"the first try in {scene.region} has gone")


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stands_still_before_its_word(scene: Scene) -> None:
    """Let it stand still after its listing, before the word that it is about to send."""
    let_go, fault = scene.gate("latency", "ListJobs")
    scene.start()
    until(lambda: fault.hits == 1, f"jobs are listed in {scene.region}")
    stands_still(scene, let_go)


def stands_still_after_its_word(scene: Scene) -> None:
    """Let it stand still between that word and the sending."""
    held = scene.site.proxy.hold(
        r"/store/ti/.*/order$", rf'"sent\\?".*{scene.region}|{scene.region}.*"sent\\?"'
    )
    scene.start()
    until(held.reached.is_set, f"an order is about to be sent in {scene.region}")
    stands_still(scene, held.released.set)


def airflow_is_away(scene: Scene) -> None:
    """Let the API server be killed before the order is sent, and be started again."""
    let_go, fault = scene.gate("latency", "ListJobs")
    scene.start()
    until(lambda: fault.hits == 1, f"jobs are listed in {scene.region}")
    scene.site.airflow.kill("api-server")
    let_go()
    time.sleep(5)
    scene.site.airflow.start("api-server")
    scene.site.airflow.wait_until_ready()
    scene.until_ended()


@dataclass(frozen=True)
class Row:
    """
    A row of the table.

    :param orders: how many devices are ordered in the end, and how the task ends, where Airflow remembers
        what a task has done.
    :param before: the same, where it does not, any of these; none: as there.
    """

    name: str
    region: str
    happens: Callable[[Scene], None]
    orders: tuple[int, str] = (1, "success")
    before: tuple[tuple[int, str], ...] = ()
    dag_id: str = "order_device"
    alone: bool = False
    needs_memory: bool = False

    @property
    def expected(self) -> tuple[tuple[int, str], ...]:
        return (self.orders,) if REMEMBERS or not self.before else self.before


UNKNOWN = (0, "failed")
TABLE = [
    # The client waits for two minutes.
    Row("hang", "eu-central-1", meets("lost_answer", how="hang", seconds=130.0)),
    Row("reset", "eu-west-1", meets("lost_answer", how="reset")),
    Row("500", "eu-west-2", meets("lost_answer", how="server_error")),
    Row("a cut 200", "eu-west-3", meets("lost_answer", how="cut")),
    Row("reset, a cluster", "eu-north-1", meets("lost_answer", "CreateCluster"), dag_id="order_cluster"),
    Row("throttled", "eu-south-1", meets("throttle", count=2)),
    Row("reset before it is taken", "ap-south-1", meets("reset"), UNKNOWN),
    Row("listed late", "ap-northeast-1", is_listed_late("8s")),
    Row("listed too late", "ap-northeast-2", is_listed_late("1h"), (1, "failed")),
    Row("cleared", "ap-northeast-3", is_cleared),
    Row(
        "killed before it is sent",
        "ap-southeast-1",
        is_killed("latency", "ListJobs", with_supervisor=False),
        before=(UNKNOWN,),
    ),
    Row(
        "killed after it was sent",
        "ap-southeast-2",
        is_killed("lost_answer", "CreateJob", with_supervisor=False, how="hang"),
    ),
    Row(
        "killed with its supervisor after it was sent",
        "ap-southeast-3",
        is_killed("lost_answer", "CreateJob", with_supervisor=True, how="hang"),
    ),
    Row("stands still before its word", "ca-central-1", stands_still_before_its_word, before=(UNKNOWN,)),
    Row("stands still after its word", "sa-east-1", stands_still_after_its_word, UNKNOWN, needs_memory=True),
    Row(
        "the API server is away",
        "af-south-1",
        airflow_is_away,
        # The try before may have ended before it could send.
        before=((1, "success"), UNKNOWN),
        alone=True,
    ),
]
ROWS = [row for row in TABLE if REMEMBERS or not row.needs_memory]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("orders")
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(DAGS / "order.py", dags)
    gates = Gates()
    with ExitStack() as stack:
        snowball = stack.enter_context(SnowballServer(speed=1.0))
        stack.callback(setattr, snowball_faults, "sleep", snowball_faults.sleep)
        snowball_faults.sleep = gates.sleep
        database = stack.enter_context(Postgres())
        airflow = AirflowProcesses(
            home, dags, SETTINGS | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url}
        )
        proxy = stack.enter_context(ExecutionProxy(airflow.port))
        airflow.configure({"AIRFLOW__CORE__EXECUTION_API_SERVER_URL": proxy.url})
        stack.enter_context(airflow)
        connect(airflow, snowball.endpoint_url)
        yield Site(airflow, snowball, proxy, gates)
    assert processes_of(home) == []


@pytest.fixture(scope="module")
def played(site: Site) -> dict[str, tuple[Scene, Future[None]]]:
    """Return all rows, as they were played."""
    rows = {}
    for alone in (False, True):
        group = [row for row in ROWS if row.alone == alone]
        with ThreadPoolExecutor(len(group)) as pool:
            for row in group:
                scene = Scene(site, row.region, row.dag_id)
                rows[row.name] = scene, pool.submit(row.happens, scene)
    return rows


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_one_at_most(row: Row, played: dict[str, tuple[Scene, Future[None]]]) -> None:
    scene, future = played[row.name]
    future.result()
    instance, orders = scene.instance(), scene.orders()
    print(f"{row.name:46} orders: {len(orders)}  {instance['state']}  tries: {instance['try_number']}")
    expected = row.expected + ((UNKNOWN,) if scene.was_failed_by_airflow() else ())
    assert (len(orders), instance["state"]) in expected, scene.log()
    if instance["state"] == "success":
        assert scene.site.airflow.api.xcom(scene.dag_id, scene.run_id, TASK) == orders[0]
    else:
        log = scene.log()
        assert "[SNB604]" in log
        assert f"account {ACCOUNT}, region {scene.region}" in log
        assert "[af-" in log


def test_the_task_takes_what_is_listed_in_the_end(
    site: Site, played: dict[str, tuple[Scene, Future[None]]]
) -> None:
    scene, _ = played["listed too late"]
    failed = int(scene.instance()["try_number"])
    snowball_clock.jump("2h")
    scene.clear()
    scene.until_ended(failed + 1)
    assert scene.instance()["state"] == "success", scene.log()
    assert [site.airflow.api.xcom(scene.dag_id, scene.run_id, TASK)] == scene.orders()
