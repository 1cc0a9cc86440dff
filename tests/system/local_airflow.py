"""
Airflow's UI to look at, on this machine alone: ``make airflow``.

A local Snowball, and Airflow with all its processes, on loopback only. The examples are loaded, the
connection is there, and what the examples ask for by default is ordered; its devices stay where they have
arrived. Ctrl-C ends everything and leaves nothing behind.

There is something to see for as long as one looks: a run of the main example waits for a cluster of five, of
whose devices one does not arrive until it is sent on; a run of the example that tells of devices has one that
is late and one that is cancelled; and further devices arrive, each of which begins a run.
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_snowball import emulator
from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.control import PREFIX
from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.lifecycle import JobState
from tests.fakes import emulated
from tests.fakes.emulated import add_device, client_of, create_address, jobs_at, order_import, steer
from tests.system.airflow_processes import USER, AirflowProcesses
from tests.system.demo import DAG_ID, DEVICES, EXAMPLES, WAIT, connect
from tests.system.postgres import Postgres, programs

__all__ = ["local_airflow"]

#: Ids in the examples that stand for a user's: a cluster, a site's cluster abroad, an import, an address.
_CLUSTER = re.compile("CID123e4567-e89b-12d3-a456-426655440000")
_CLUSTER_ABROAD = re.compile("CID123e4567-e89b-12d3-a456-426655440001")
_IMPORT = re.compile("JID123e4567-e89b-12d3-a456-426655440000")
_ADDRESS = re.compile("ADID123e4567-e89b-12d3-a456-426655440000")
_ABROAD = "eu-central-1"
#: What the examples say in days and hours of the real time.
_LIMIT = re.compile(r'\{"InTransitToCustomer": 10\}')
_TOGETHER = re.compile(r"timedelta\(hours=1\)")
#: What comes before the next try, where Airflow itself failed one, which it does now and then.
_BEFORE_THE_NEXT_TRY = re.compile(r"timedelta\(minutes=5\)")
#: The example with DAGs that devices begin, and the runs that there are to see besides.
_CANCEL = "example_snowball_cancel"
_ARRIVALS = "example_snowball_arrivals"
_TELL = "example_snowball_tell"
#: Days after which another device is ordered, and after which one in transit is late.
_DAYS = 10

#: Devices arrive after three to four days: time enough to log in and find the task that waits for them.
SECONDS_A_DAY = 30.0
SETTINGS = {
    "AIRFLOW__SNOWBALL__POKE_INTERVAL": "5",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    "AIRFLOW__SNOWBALL__ALLOW_ORDERS": "True",
}


@contextmanager
def local_airflow(
    home: Path,
    *,
    seconds_a_day: float,
    settings: dict[str, str] | None = None,
    more_dags: Sequence[Path] = (),
    path: str = "",
) -> Iterator[tuple[AirflowProcesses, SnowballServer]]:
    """
    Run Airflow with the examples, connected to a local Snowball.

    The clock stands still until Airflow is ready. Its database is a PostgreSQL where the machine has one: on
    SQLite, a call of Airflow's API fails now and then while many tasks run ("database is locked").

    :param home: an empty directory, for everything that Airflow writes.
    :param seconds_a_day: how long a day of Snowball's takes.
    :param settings: further environment variables of Airflow's processes.
    :param more_dags: files beside the examples.
    :param path: under which Airflow is served.
    """
    with SnowballServer(speed=86400 / seconds_a_day) as snowball, ExitStack() as stack:
        snowball_clock.pause()
        database = {}
        if programs() is not None:
            database["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = stack.enter_context(Postgres()).url
        dags = home / "dags"
        order_for_examples(snowball.endpoint_url, dags, seconds_a_day)
        for file in more_dags:
            shutil.copy(file, dags)
        airflow = stack.enter_context(
            AirflowProcesses(home, dags, SETTINGS | database | dict(settings or {}), path=path)
        )
        snowball_clock.resume()
        connect(airflow, snowball.endpoint_url)
        yield airflow, snowball


def order_cluster(endpoint_url: str, region_name: str = emulated.REGION) -> tuple[str, list[str]]:
    """Order a cluster of five whose devices stay where they have arrived; return its id and its jobs' ids."""
    client = client_of(endpoint_url, region_name)
    cluster_id = emulated.order_cluster(client, DEVICES)
    jobs = [each["JobId"] for each in client.list_cluster_jobs(ClusterId=cluster_id)["JobListEntries"]]
    for job_id in jobs:
        steer(endpoint_url, job_id, hold=JobState.WITH_CUSTOMER)
    return cluster_id, jobs


def order_for_examples(endpoint_url: str, dags: Path, seconds_a_day: float) -> None:
    """
    Write the examples to a folder of DAGs, each with default params that name what is ordered for it.

    What they have of limits is brought to the clock's pace.
    """
    dags.mkdir()
    for example in EXAMPLES.glob("*.py"):
        if example.stem == _ARRIVALS and not begins_dags():
            continue
        text = _CLUSTER.sub(lambda _: order_cluster(endpoint_url)[0], example.read_text())
        text = _CLUSTER_ABROAD.sub(lambda _: order_cluster(endpoint_url, _ABROAD)[0], text)
        # AWS cancels no job that is being prepared.
        hold = JobState.NEW if example.stem == _CANCEL else None
        ordered = partial(order_import_into_its_own_bucket, endpoint_url, hold)
        text = _IMPORT.sub(lambda _: ordered(), text)  # noqa: B023  called at once
        text = _ADDRESS.sub(lambda _: create_address(client_of(endpoint_url)), text)
        text = _LIMIT.sub(f'{{"InTransitToCustomer": {_DAYS * seconds_a_day / 86400:.6f}}}', text)
        text = _TOGETHER.sub(f"timedelta(seconds={seconds_a_day:g})", text)
        text = _BEFORE_THE_NEXT_TRY.sub("timedelta(seconds=5)", text)
        (dags / example.name).write_text(text)


def order_import_into_its_own_bucket(endpoint_url: str, hold: JobState | None = None) -> str:
    """
    Order an import whose objects are alone where they arrive, and return the job's id.

    :param hold: the state that the job stays in, if any.
    """
    bucket = f"archive-{uuid.uuid4()}"
    emulated.create_bucket(endpoint_url, bucket)
    job_id = order_import(client_of(endpoint_url), bucket)
    if hold is not None:
        steer(endpoint_url, job_id, hold=hold)
    return job_id


def begins_dags() -> bool:
    """Tell whether devices can begin DAGs in this version of Airflow."""
    return Version(airflow_version) >= Version("3.3")


class NewDevices:
    """
    Let devices of clusters that are ordered later, by a task for instance, stay where they have arrived.

    A task that goes on once one has arrived may come late: each try takes seconds, and those are days here.
    """

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._seen = {each["job_id"] for each in jobs_at(endpoint_url)}

    def stay(self) -> None:
        """Hold those that have been ordered since the last time."""
        for job in jobs_at(self._endpoint_url):
            if job["job_id"] in self._seen or not job["cluster_id"]:
                continue
            self._seen.add(job["job_id"])
            states = [state for state, _ in job["plan"]]
            if JobState.WITH_CUSTOMER in states[states.index(job["state"]) :]:
                steer(self._endpoint_url, job["job_id"], hold=JobState.WITH_CUSTOMER)


class Arrivals:
    """The cluster that the example's watchers look at: another device is ordered every so many days."""

    def __init__(self, endpoint_url: str, dags: Path, seconds_a_day: float) -> None:
        self._endpoint_url = endpoint_url
        found = re.search("CID[-0-9a-f]{36}", (dags / f"{_ARRIVALS}.py").read_text())
        assert found
        self._cluster_id = found[0]
        self._every = _DAYS * seconds_a_day
        self._next = time.monotonic() + self._every

    def go_on(self) -> None:
        """Order a device, if it is time."""
        if time.monotonic() >= self._next:
            self._next += self._every
            add_device(self._endpoint_url, self._cluster_id)


def order_for_telling(endpoint_url: str) -> str:
    """Order a cluster of whose devices one will be late, and one is cancelled; return its id."""
    cluster_id, (late, cancelled, *_) = order_cluster(endpoint_url)
    steer(endpoint_url, late, hold=JobState.IN_TRANSIT_TO_CUSTOMER)
    steer(endpoint_url, cancelled, cancel_in=JobState.PREPARING_APPLIANCE)
    return cluster_id


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def serve(home: Path, seconds_a_day: float) -> None:
    """Run until something ends it."""
    with local_airflow(home, seconds_a_day=seconds_a_day) as (airflow, snowball):
        cluster_id, (last, *_) = order_cluster(snowball.endpoint_url)
        # Somewhere to look at for as long as one looks.
        steer(snowball.endpoint_url, last, hold=JobState.IN_TRANSIT_TO_CUSTOMER)
        post = "curl -H 'Content-Type: application/json'"
        run_id = airflow.api.trigger(DAG_ID, {"cluster_id": cluster_id, "min_jobs": DEVICES})
        told_of = {"cluster_id": order_for_telling(snowball.endpoint_url), "min_jobs": DEVICES}
        telling = airflow.api.trigger(_TELL, told_of)
        arrivals = Arrivals(snowball.endpoint_url, home / "dags", seconds_a_day) if begins_dags() else None
        new_devices = NewDevices(snowball.endpoint_url)
        say(f"Airflow   {airflow.url} user {USER} password {airflow.password}")
        say(f"Snowball  {snowball.endpoint_url} takes any key; a day takes {seconds_a_day:g} s")
        say(f"Devices   {snowball.endpoint_url}{PREFIX} shows them, moves time and orders bad days")
        say(f"Cluster   {cluster_id}, whose {DEVICES} devices are on their way, and {last} is held up")
        say(f"Waiting   {airflow.url}/dags/{DAG_ID}/runs/{quote(run_id)}/tasks/{WAIT}")
        say(f"Told      {airflow.url}/dags/{_TELL}/runs/{quote(telling)}/tasks/{WAIT} has its XCom")
        if arrivals:
            begun = f"{airflow.url}/dags/{_ARRIVALS}/runs"
            say(f"Begun     {begun}: by devices as they arrive; another is ordered every {_DAYS} days")
        say("Examples  each can be triggered with the params that its form offers: those are ordered")
        say(f"Send on   {post} -d '{{\"send_on\": true}}' {snowball.endpoint_url}/_snowball/jobs/{last}")
        say(f"Another   {sys.executable} -m tests.system.local_airflow --order-at {snowball.endpoint_url}")
        say("Ctrl-C ends it all.")
        while True:
            time.sleep(1)
            airflow.check()
            if arrivals:
                arrivals.go_on()
            new_devices.stay()


def main() -> int:
    """Run until Ctrl-C; return 0 for that, and 1 if a process of Airflow's ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.local_airflow", description=__doc__)
    parser.add_argument(
        "--seconds-a-day",
        type=float,
        default=SECONDS_A_DAY,
        help="how long a day of Snowball's takes (default: %(default)g)",
    )
    parser.add_argument(
        "--order-at", metavar="URL", help="order another cluster at a local Snowball that runs, and end"
    )
    options = parser.parse_args()
    if options.order_at:
        cluster_id, jobs = order_cluster(options.order_at)
        say(f"{cluster_id}, with the jobs {', '.join(jobs)}")
        return 0
    # Each step of each device would take what is said here out of sight; the page has it.
    logging.getLogger(emulator.__name__).setLevel(logging.WARNING)
    # SIGINT as well: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="snowball-ui-"))
    try:
        say(f"Starting Airflow, which takes up to a minute; its logs are in {home}")
        serve(home, options.seconds_a_day)
    except KeyboardInterrupt:
        say("Everything has ended.")
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
