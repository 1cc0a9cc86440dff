"""The README's table of tested lines is made of their results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lines.results import Result, count, read, table, with_table

ROOT = Path(__file__).parents[2]
OLD = Result("2026-01-01", "2.11.0", "9.8.0", "3.11.7", "the oldest", 1234, 0, 11, 1, 1)
NEW = Result("2026-01-02", "3.10.0", "9.40.0", "3.13.0", "the newest", 5, 1, 0, 0, 0)
REPORT = """<?xml version="1.0"?>
<testsuites><testsuite>
  <testcase classname="tests.unit.test_a" name="passes"/>
  <testcase classname="tests.system.test_b" name="passes"/>
  <testcase classname="tests.unit.test_a" name="fails"><failure message="x"/></testcase>
  <testcase classname="tests.unit.test_a" name="breaks"><error message="x"/></testcase>
  <testcase classname="tests.unit.test_a" name="cannot"><skipped type="pytest.xfail" message="x"/></testcase>
  <testcase classname="tests.unit.test_a" name="another"><skipped type="pytest.skip" message="x"/></testcase>
</testsuite></testsuites>
"""


def test_the_readme_has_the_table_of_the_results() -> None:
    readme = (ROOT / "README.md").read_text()
    assert with_table(readme, read()) == readme, "run make lines, or the line that is missing"


def test_hosted_ci_has_each_line() -> None:
    workflow = (ROOT / ".github" / "workflows" / "lines.yml").read_text()
    # Besides, that of the emulator's API, which has no Airflow.
    assert set(re.findall(r"- \{ line: ([^,]+),", workflow)) == read().keys() | {"api"}


def test_the_oldest_line_comes_first() -> None:
    rows = table({"newest": NEW, "oldest": OLD}).splitlines()
    assert rows[2:] == [
        "| 2.11.0 | 9.8.0 | 3.11.7 | the oldest | 1,234 | 1 | 0 | 11 | 2026-01-01 |",
        "| 3.10.0 | 9.40.0 | 3.13.0 | the newest | 5 | 0 | 1 | 0 | 2026-01-02 |",
    ]


def test_each_outcome_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert count(report) == {"passed": 2, "system": 1, "failed": 2, "expected": 1, "other_form": 1}


def test_a_readme_without_a_place_for_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="unpack"):
        with_table("# Title\n", {})
