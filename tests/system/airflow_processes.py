"""
Airflow's own processes in a home of their own, on loopback only.

Scheduler (with its workers), DAG processor, API server and triggerer, as an installation runs them;
each can be killed and started again. Airflow 3 only: the API server is what everything talks to.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.system.airflow_api import AirflowApi

__all__ = ["COMPONENTS", "AirflowProcesses", "processes_of", "strange_listeners"]

USER = "admin"

#: What each component is started with. The log servers that are left out would listen on all interfaces.
COMPONENTS = {
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
#: Each has to have a name and a file of its own.
_CELERY_WORKER = ("celery", "worker", "--skip-serve-logs", "--concurrency", "2")
_READY_WITHIN = 300.0
_PORTS = range(16384, 32768)
#: So many workers of pytest-xdist have ports of their own.
_WORKERS = 16
_STOPS_WITHIN = 20.0


class AirflowProcesses:
    """
    A running Airflow, as a context manager; leaving it ends every process that it started.

    :param home: an empty directory, for everything that Airflow writes.
    :param dags: the folder of DAG files.
    :param settings: further environment variables of all components.
    :param triggerers: how many; the second is called triggerer-2, and so on.
    :param path: under which Airflow is served, as ``/airflow``.
    :param celery_workers: how many; worker-1 and so on. ``settings`` has to choose the executor.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        settings: Mapping[str, str] | None = None,
        *,
        triggerers: int = 1,
        celery_workers: int = 0,
        path: str = "",
    ) -> None:
        self.home = home
        self.components = COMPONENTS | {
            f"triggerer-{number}": COMPONENTS["triggerer"] for number in range(2, triggerers + 1)
        }
        for number in range(1, celery_workers + 1):
            name = f"worker-{number}"
            self.components[name] = (
                *_CELERY_WORKER,
                "--celery-hostname",
                f"{name}@%h",
                "--pid",
                f"{name}.pid",
            )
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{path}"
        plugins = home / "plugins"
        plugins.mkdir(exist_ok=True)
        shutil.copy(Path(__file__).with_name("preload.py"), plugins)
        self.password = secrets.token_urlsafe(12)
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps({USER: self.password}))
        passwords.chmod(0o600)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))}
        self._environment = (
            kept
            | {
                "AIRFLOW_HOME": str(home),
                "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__CORE__PARALLELISM": "4",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
                "AIRFLOW__API__HOST": "127.0.0.1",
                "AIRFLOW__API__PORT": str(self.port),
                "AIRFLOW__API__BASE_URL": self.url,
                "AIRFLOW__API__WORKERS": "1",
                # Airflow 3.0 answers with text otherwise; later lines have no such setting.
                "AIRFLOW__API__ENABLE_XCOM_DESERIALIZE_SUPPORT": "True",
                # Shared by the components, which would otherwise make up one each.
                "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
                "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
                "AIRFLOW__CORE__FERNET_KEY": _fernet_key(),
                "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
                "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
                # No credentials but those of the connection: not a profile's, not a machine's role.
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                # setproctitle writes over the environment that processes_of() knows our processes by.
                "SPT_NOENV": "1",
            }
            | dict(settings or {})
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._api: AirflowApi | None = None

    @property
    def api(self) -> AirflowApi:
        """The REST API, logged in."""
        if self._api is None:
            self._api = AirflowApi(self.url, USER, self.password)
        return self._api

    def __enter__(self) -> Self:
        try:
            self.run("db", "migrate")
            for name in self.components:
                self.start(name)
            self.wait_until_ready()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str) -> None:
        """Start a component that is not running; its output goes to ``<name>.log`` in the home."""
        with self.log_of(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *self.components[name]],
                env=self._environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in the terminal is for us; we end the components in our own time.
                start_new_session=True,
            )

    def configure(self, settings: Mapping[str, str | None]) -> None:
        """Change the environment variables of what is started from now on; None is for none."""
        self._environment |= {name: value for name, value in settings.items() if value is not None}
        for name in [name for name, value in settings.items() if value is None]:
            self._environment.pop(name, None)

    def run(self, *arguments: str) -> None:
        """
        Run a command of Airflow's to its end.

        :raises RuntimeError: if it fails; the message has its last lines.
        """
        self.run_module("airflow", *arguments)

    def run_module(self, *arguments: str) -> None:
        """
        Run a Python module to its end, with the settings of this Airflow.

        :raises RuntimeError: if it fails; the message has its last lines.
        """
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self._environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")

    def kill(self, name: str) -> None:
        """End a component and all that it started at once, as a machine that loses power does."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> None:
        """End a component as an operator does, politely; what does not go is killed."""
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def freeze(self, name: str) -> None:
        """Have a component and all that it started stand still, as a machine does that is out of memory."""
        os.killpg(self._running[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Have it go on."""
        os.killpg(self._running[name].pid, signal.SIGCONT)

    def pid_of(self, name: str) -> int:
        """Return the pid of a component that runs."""
        return self._running[name].pid

    def unhealthy(self) -> set[str]:
        """Return the kinds of component that had no heartbeat lately; the API server's is an answer."""
        return set(COMPONENTS) - AirflowApi.healthy(self.url)

    def ended(self) -> list[str]:
        """Return the names of the components that ended by themselves, to be started again."""
        gone = [name for name, process in self._running.items() if process.poll() is not None]
        for name in gone:
            del self._running[name]
        return gone

    def log_of(self, name: str) -> Path:
        """Return where a component's output goes."""
        return self.home / f"{name}.log"

    def wait_until_ready(self) -> None:
        """
        Wait until the API answers and every component has sent a heartbeat.

        :raises RuntimeError: if a component ends, or is not ready in time; the message has its last lines.
        """
        deadline = time.monotonic() + _READY_WITHIN
        waiting_for = set(COMPONENTS)
        while waiting_for:
            self.check()
            waiting_for = set(COMPONENTS) - AirflowApi.healthy(self.url)
            if waiting_for and time.monotonic() > deadline:
                lines = "\n".join(f"--- {name}\n{self._tail(name)}" for name in sorted(waiting_for))
                raise RuntimeError(f"Not ready after {_READY_WITHIN:g} s: {sorted(waiting_for)}\n{lines}")
            time.sleep(0.5)

    def check(self) -> None:
        """
        Look whether all components are running.

        :raises RuntimeError: if one has ended; the message has its last lines.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise RuntimeError(f"airflow {name} ended with {process.returncode}:\n{self._tail(name)}")

    def stop_all(self) -> None:
        """End every component, politely first, and whatever else runs in this home."""
        if self._api is not None:
            self._api.close()
            self._api = None
        with _undisturbed():
            self._stop_all()

    def _stop_all(self) -> None:
        # The API server last: workers and triggerer report to it.
        for name in sorted(self._running, key=lambda name: name == "api-server"):
            self._running[name].terminate()
        deadline = time.monotonic() + _STOPS_WITHIN
        for process in self._running.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        left = processes_of(self.home)
        for each in left:
            each.kill()
        psutil.wait_procs(left, timeout=5)

    def _tail(self, name: str) -> str:
        return self.log_of(name).read_text(errors="replace")[-3000:]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Have a second Ctrl-C wait for nothing: it would leave processes behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def processes_of(home: Path) -> list[psutil.Process]:
    """Return the processes whose AIRFLOW_HOME is ``home``, whoever started them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AIRFLOW_HOME") == str(home) and process.pid != os.getpid():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def strange_listeners(home: Path) -> list[str]:
    """Return what the processes of ``home`` listen on, apart from loopback."""
    strange = []
    for process in processes_of(home):
        try:
            connections = process.net_connections("inet")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        strange += [
            f"{process.pid} {' '.join(process.cmdline())}: {connection.laddr.ip}:{connection.laddr.port}"
            for connection in connections
            if connection.status == psutil.CONN_LISTEN and connection.laddr.ip not in ("127.0.0.1", "::1")
        ]
    return strange


def free_port() -> int:
    """
    Return a port that is free, and stays so until a server takes it, be that a minute later.

    It is below those that the system hands out by itself. Workers of pytest-xdist have ports of their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = _PORTS[secrets.randbelow(len(_PORTS) // _WORKERS) * _WORKERS + worker % _WORKERS]
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


def _fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
