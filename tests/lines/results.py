"""
What the tests came to on each line of Airflow, and the README's table of it.

``results.json`` has the last result of each line; a line that did not run keeps its row. Of noxfile.py's
sessions, each notes its own.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

__all__ = ["Result", "read", "table", "with_table"]

RESULTS = Path(__file__).with_name("results.json")
#: What stands before and behind the table in the README.
MARKS = ("<!-- made by make lines -->\n", "<!-- the end of what is made -->\n")


@dataclass(frozen=True)
class Result:
    """
    What the tests came to on a line.

    :param packages: whose choice of packages it is.
    :param expected: how many failed as expected: what Airflow cannot do there.
    :param other_form: how many are of another line's form of something, and were left out.
    :param system: how many of those that passed start Airflow's own processes.
    """

    date: str
    airflow: str
    amazon: str
    python: str
    packages: str
    passed: int
    failed: int
    expected: int
    other_form: int
    system: int


def read(path: Path = RESULTS) -> dict[str, Result]:
    """Return the results by the names of the lines."""
    return {name: Result(**each) for name, each in json.loads(path.read_text()).items()}


def result_of(packages: str, reports: Iterable[Path]) -> Result:
    """Return the result of the line whose packages are installed here, from what pytest reported."""
    counts: Counter[str] = Counter()
    for report in reports:
        counts += count(report)
    return Result(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        airflow=version("apache-airflow"),
        amazon=version("apache-airflow-providers-amazon"),
        python=".".join(map(str, sys.version_info[:3])),
        packages=packages,
        **{name: counts[name] for name in ("passed", "failed", "expected", "other_form", "system")},
    )


def count(report: Path) -> Counter[str]:
    """Count the outcomes in a JUnit report."""
    counts: Counter[str] = Counter()
    for case in ET.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif skipped is None:
            counts["passed"] += 1
            counts["system"] += case.get("classname", "").startswith("tests.system.")
        else:
            counts["expected" if skipped.get("type") == "pytest.xfail" else "other_form"] += 1
    return counts


def table(results: Mapping[str, Result]) -> str:
    """Return the table, in Markdown, the oldest line first."""
    rows = [
        "| Airflow | amazon provider | Python | packages | passed | of these with Airflow's own processes | "
        "failed | cannot do | date |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {each.airflow} | {each.amazon} | {each.python} | {each.packages} | {each.passed:,} | "
        f"{each.system} | {each.failed} | {each.expected} | {each.date} |"
        for each in sorted(results.values(), key=_age)
    ]
    return "\n".join(rows) + "\n"


def with_table(readme: str, results: Mapping[str, Result]) -> str:
    """Return a README with the table of results in the place of the one that it has."""
    before, rest = readme.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    return f"{before}{MARKS[0]}{table(results)}{MARKS[1]}{after}"


def _age(result: Result) -> tuple[list[int], list[int]]:
    return [int(part) for part in result.airflow.split(".")], [int(part) for part in result.amazon.split(".")]


def main(results_json: str, readme: str, name: str, packages: str, *reports: str) -> int:
    """Note the result of a line, and write the table anew; return how many tests failed."""
    path = Path(results_json)
    result = result_of(packages, map(Path, reports))
    results = (read(path) if path.exists() else {}) | {name: result}
    text = json.dumps({each: asdict(results[each]) for each in sorted(results)}, indent=2)
    path.write_text(f"{text}\n")
    Path(readme).write_text(with_table(Path(readme).read_text(), results))
    return result.failed


if __name__ == "__main__":
    sys.exit(f"{failed} tests failed" if (failed := main(*sys.argv[1:])) else 0)
