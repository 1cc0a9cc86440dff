"""docs/rehearse_a_migration.md and docs/test_your_dag.md do what they say: commands and Python run."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_snowball.emulator.control import JOB_CHANGES
from airflow_provider_snowball.emulator.rehearsal.faults import KINDS
from tests.pages import blocks_of, not_printed

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rehearse_a_migration.md"
IN_TESTS = ROOT / "docs" / "test_your_dag.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the docs are in a checkout only")


def blocks(language: str, page: Path = PAGE) -> list[str]:
    return blocks_of(language, page)


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table with this header."""
    lines = PAGE.read_text().split(heading, 1)[1].splitlines()[2:]
    rows = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the page's commands are this interpreter's, whatever is installed."""
    for name, module in (
        ("airflow", "airflow"),
        ("snowball-emulator", "airflow_provider_snowball.emulator"),
        ("python", ""),
    ):
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {module and f"-m {module}"} "$@"\n')
        script.chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))
    }
    return environment | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TMPDIR": str(tmp_path),
    }


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def emulator(commands: dict[str, str], port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["bash", "-c", f"exec {blocks('bash')[0].replace('5055', str(port))}"],
        env=commands,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == f"http://127.0.0.1:{port}"
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)


@pytest.mark.skipif(importlib.util.find_spec("airflow") is None, reason="Airflow is not installed")
@pytest.mark.usefixtures("emulator")
def test_from_nothing_to_a_green_run(commands: dict[str, str], port: int) -> None:
    done = subprocess.run(
        ["bash", "-euc", blocks("bash")[1].replace("5055", str(port))],
        env=commands,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert not_printed(blocks("text")[0], done.stdout) == []
    assert "5 of 5 jobs at or past WithCustomer" in done.stdout
    assert len(set(re.findall(r"copying to the device of (JID[0-9a-f-]{36})", done.stdout))) == 5
    assert re.search(r"DagRun Finished: .*state=success", done.stdout)


@pytest.mark.usefixtures("emulator")
def test_fault_that_is_added(commands: dict[str, str], port: int) -> None:
    done = subprocess.run(
        ["bash", "-euc", blocks("bash")[3].replace("5055", str(port))],
        env=commands,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "command not found" in done.stderr:
        pytest.skip("there is no curl")
    assert '"kind": "throttle"' in done.stdout


def test_rehearsal_that_is_kept(commands: dict[str, str], port: int, tmp_path: Path) -> None:
    for number in range(2):
        process = subprocess.Popen(
            ["bash", "-c", f"exec {blocks('bash')[2].replace('5055', str(port))}"],
            env=commands,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip() == f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
        assert ("Ordered in us-east-1" in said, "Going on with" in said) == (number == 0, number == 1)
    assert (tmp_path / "rehearsal.json").exists()


def test_python_in_process() -> None:
    exec(compile(blocks("python", IN_TESTS)[0], PAGE.name, "exec"), {})


def run_tests(folder: Path, *examples: str) -> str:
    """Run the page's tests, with its conftest.py, and return what pytest printed."""
    (folder / "pytest.ini").write_text("[pytest]\n")  # whatever is around the folder
    (folder / "conftest.py").write_text(blocks("python", IN_TESTS)[1])
    (folder / "test_page.py").write_text("\n\n".join(examples))
    dags = str(ROOT / "example_dags")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--durations", "0"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), dags]),
            "AIRFLOW__CORE__DAGS_FOLDER": dags,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout


@pytest.mark.skipif(importlib.util.find_spec("airflow") is None, reason="Airflow is not installed")
@pytest.mark.usefixtures("airflow_home")
def test_python_of_a_dag_that_waits(tmp_path: Path) -> None:
    printed = run_tests(tmp_path, blocks("python", IN_TESTS)[2])
    assert "4 passed" in printed, printed


def test_all_faults_are_listed() -> None:
    assert [row[0].strip("`") for row in table("| kind | what a request gets |")] == list(KINDS)


def test_all_changes_of_a_job_are_listed() -> None:
    listed = " ".join(row[0] for row in table("| body | what happens |"))
    assert {*re.findall(r'\{"(\w+)":', listed), "send_on"} - {"by", "a", "InTransitToCustomer"} == set(
        JOB_CHANGES
    )
