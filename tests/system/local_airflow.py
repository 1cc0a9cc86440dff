"""
Airflow's UI to look at, on this machine alone: ``make airflow``.

A local Snowball, and Airflow with all its processes, on loopback only. The examples are loaded, the
connection is there, and a run of the main example waits for a cluster of five. Ctrl-C ends everything and
leaves nothing behind.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from airflow_provider_snowball.emulator.server import SnowballServer
from tests.system.airflow_processes import USER, AirflowProcesses
from tests.system.demo import DAG_ID, DEVICES, EXAMPLES, WAIT, connect, order_cluster

__all__ = ["local_airflow"]

#: Devices arrive after three to four days: time enough to log in and find the task that waits for them.
SECONDS_A_DAY = 30.0
SETTINGS = {
    "AIRFLOW__SNOWBALL__POKE_INTERVAL": "5",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
}


@contextmanager
def local_airflow(home: Path, *, seconds_a_day: float) -> Iterator[tuple[AirflowProcesses, SnowballServer]]:
    """
    Run Airflow with the examples, connected to a local Snowball.

    :param home: an empty directory, for everything that Airflow writes.
    :param seconds_a_day: how long a day of Snowball's takes.
    """
    with (
        SnowballServer(speed=86400 / seconds_a_day) as snowball,
        AirflowProcesses(home, EXAMPLES, SETTINGS) as airflow,
    ):
        connect(airflow, snowball.endpoint_url)
        yield airflow, snowball


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def serve(home: Path, seconds_a_day: float) -> None:
    """Run until something ends it."""
    with local_airflow(home, seconds_a_day=seconds_a_day) as (airflow, snowball):
        _, cluster_id = order_cluster(snowball.endpoint_url)
        run_id = airflow.api.trigger(DAG_ID, {"cluster_id": cluster_id, "min_jobs": DEVICES})
        say(f"Airflow   {airflow.url} user {USER} password {airflow.password}")
        say(f"Snowball  {snowball.endpoint_url} takes any key; a day takes {seconds_a_day:g} s")
        say(f"Cluster   {cluster_id}, whose {DEVICES} devices are on their way")
        say(f"Waiting   {airflow.url}/dags/{DAG_ID}/runs/{quote(run_id)}/tasks/{WAIT}")
        say("Ctrl-C ends it all.")
        while True:
            time.sleep(1)
            airflow.check()


def main() -> int:
    """Run until Ctrl-C; return 0 for that, and 1 if a process of Airflow's ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.local_airflow", description=__doc__)
    parser.add_argument(
        "--seconds-a-day",
        type=float,
        default=SECONDS_A_DAY,
        help="how long a day of Snowball's takes (default: %(default)g)",
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
