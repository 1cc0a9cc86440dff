"""docs/local_snowball.md does what it says: no Airflow, the AWS CLI, the steps of a CI service."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # one use of it needs no stubs

from tests.emulator.snowball_calls import eventually
from tests.pages import blocks_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "local_snowball.md"


def installable() -> str | None:
    """Return what stands for the dot of the page: the checkout, or the wheel that is tested in its place."""
    if (ROOT / "airflow_provider_snowball").is_dir():
        return "."
    # Where make test-wheel has it.
    wheels = (ROOT.parents[1] / "dist").glob("airflow_provider_snowball-*.whl")
    return next(map(str, wheels), None)


pytestmark = pytest.mark.skipif(installable() is None, reason="there is nothing here that pip could install")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment variables of a Python that has pip and nothing else."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "AIRFLOW", "PYTHON", "PIP_CONSTRAINT"))
    }
    return kept | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(folder)}


@pytest.fixture
def ends() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        # With what it has started.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_without_airflow_and_in_a_ci_service(
    fresh: dict[str, str], port: int, tmp_path: Path, ends: list[subprocess.Popen[str]]
) -> None:
    """Both begin with the same commands; the environment is made once."""
    install, ask = (block.replace("5055", str(port)) for block in blocks_of("bash", PAGE))
    assert "pip install --no-deps .\n" in install
    install = install.replace("--no-deps .\n", f"--no-deps {installable()}\n")
    said = tmp_path / "log"
    with said.open("w") as log:
        ends.append(
            subprocess.Popen(
                ["bash", "-euc", install],
                cwd=ROOT,
                env=fresh,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
    eventually(lambda: "Page and control: " in said.read_text() or ends[0].poll() is not None)
    assert ends[0].poll() is None, said.read_text()
    there = subprocess.run(
        [
            "python",
            "-c",
            "import importlib.util as i; print([i.find_spec(n) for n in ('airflow', 'pytest')])",
        ],
        env=fresh,
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout == "[None, None]\n"

    # The CLI is another project's, in an environment of its own.
    cli = shutil.which("aws", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if cli:
        listed = subprocess.run(
            ["bash", "-euc", ask],
            env=fresh | {"PATH": f"{Path(cli).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert listed.returncode == 0, listed.stderr
        assert [line.split("\t")[0][:3] for line in listed.stdout.splitlines()] == ["JID"] * 6

    steps = yaml.safe_load(textwrap.dedent(blocks_of("yaml", PAGE)[0]).replace("5055", str(port + 1)))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    # What the step before has installed is there.
    begin = steps[0]["run"].replace("pip install --no-deps airflow-provider-snowball &&", "")
    program = f"{begin}\necho begun; sleep 600"
    ends.append(
        subprocess.Popen(
            ["bash", "-euc", program],
            cwd=checkout,
            env=fresh,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    )
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    assert ends[1].stdout is not None
    assert any("begun" in line for line in ends[1].stdout)
    asked = subprocess.run(
        [sys.executable, "-c", "import boto3; print(boto3.client('snowball').list_jobs()['JobListEntries'])"],
        env={**os.environ, **steps[1]["env"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout == "[]\n"
    assert "Page and control: " in (checkout / "snowball.log").read_text()
