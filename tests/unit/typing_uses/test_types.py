"""What a type checker sees of the public classes: right uses pass, and each wrong one is found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

HERE = Path(__file__).parent
RIGHT, WRONG = HERE / "right_uses.py", HERE / "wrong_uses.py"
MARKED = {number for number, line in enumerate(WRONG.read_text().splitlines(), 1) if line.endswith("# wrong")}


def _mypy(tmp_path: Path) -> dict[str, set[int]]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            "",
            "--cache-dir",
            str(tmp_path),
            RIGHT,
            WRONG,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    found: dict[str, set[int]] = {RIGHT.name: set(), WRONG.name: set()}
    for line in done.stdout.splitlines():
        if error := re.match(r"(?:.*/)?(\w+\.py):(\d+): error: ", line):
            found.setdefault(error[1], set()).add(int(error[2]))
    return found


def _pyright(tmp_path: Path) -> dict[str, set[int]]:
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, RIGHT, WRONG],
        capture_output=True,
        text=True,
        check=False,
        # Below where it runs, it passes over folders whose names begin with a dot.
        cwd=HERE,
    )
    found: dict[str, set[int]] = {RIGHT.name: set(), WRONG.name: set()}
    for each in json.loads(done.stdout)["generalDiagnostics"]:
        if each["severity"] == "error":
            found[Path(each["file"]).name].add(each["range"]["start"]["line"] + 1)
    return found


@pytest.mark.xfail(
    airflow_version.startswith("2."),
    reason="the package's types are those of airflow.sdk, which Airflow 2 does not have",
    strict=True,
)
@pytest.mark.parametrize("check", [_mypy, _pyright])
def test_right_uses_pass_and_wrong_ones_are_found(check: object, tmp_path: Path) -> None:
    assert callable(check)
    assert MARKED
    assert check(tmp_path) == {RIGHT.name: set(), WRONG.name: MARKED}
