"""The texts for other projects show what happens: their programs print what the pages say they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from tests.fakes.torn_answers import OF_OURS

FOLDER = Path(__file__).parents[2] / "docs" / "upstream"
PAGES = sorted(path.name for path in FOLDER.glob("*-*.md"))
#: A program, and what it prints; what a machine's speed decides is taken out of both.
PROGRAM = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
SPEED = re.compile(r" *\d+\.\d+( m?s)|took \d+ passes|sent \d+ times")


def programs(page: str) -> list[tuple[str, str]]:
    return PROGRAM.findall((FOLDER / page).read_text())


def printed(program: str, home: Path) -> str:
    environment = os.environ | {"AIRFLOW_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_each_has_a_program_and_names_where_it_was_run(page: str) -> None:
    text = (FOLDER / page).read_text()
    assert programs(page)
    assert re.search(r"^For \S+/\S+\. Run on .* \d", text, re.MULTILINE)
    assert page in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_the_program_prints_what_the_page_says(page: str, tmp_path: Path) -> None:
    """What fails here because a project has mended it leaves the folder, and docs/workarounds.md."""
    if "For apache/airflow" in (FOLDER / page).read_text() and Version(airflow_version) < Version("3.3"):
        pytest.skip("the texts are of Airflow 3.3")
    if "For boto/botocore" in (FOLDER / page).read_text() and not OF_OURS:
        pytest.skip("with this botocore, urllib3 itself says of a torn body that it is one")
    for program, says in programs(page):
        if says:
            assert SPEED.sub(r"\1", printed(program, tmp_path)) == SPEED.sub(r"\1", says)
        else:
            compile(program, page, "exec")
