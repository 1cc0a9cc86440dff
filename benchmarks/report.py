"""What a benchmark returns, and how it is written down."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["RESULTS", "Result", "Target", "save", "text_of"]

RESULTS = Path(__file__).with_name("RESULTS.md")
_PACKAGES = ("apache-airflow", "apache-airflow-providers-amazon", "boto3", "botocore", "moto")


@dataclass(frozen=True)
class Target:
    """A figure that was promised: ``value`` is at most ``limit``, both in ``unit``."""

    what: str
    value: float
    limit: float
    unit: str = "x"

    @property
    def reached(self) -> bool:
        """Whether the figure is within its limit."""
        return self.value <= self.limit

    def __str__(self) -> str:
        """Return a line for the report."""
        verdict = "reached" if self.reached else "MISSED"
        return f"{self.what}: {self.value:.3g} {self.unit}, at most {self.limit:.3g} {self.unit} ({verdict})"


@dataclass(frozen=True)
class Result:
    """
    One benchmark's outcome.

    :param title: what was measured.
    :param command: what runs it again.
    :param how: how it was measured, in a sentence or two.
    :param rows: a table, its header first.
    """

    title: str
    command: str
    how: str
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = ()


def text_of(result: Result) -> str:
    """Return a result as a section of Markdown."""
    header, *rows = result.rows
    lines = [f"## {result.title}", "", f"`{result.command}`. {result.how}", ""]
    lines += [_row(header), _row(["---"] * len(header)), *map(_row, rows)]
    if result.targets:
        lines += ["", *(f"- {target}" for target in result.targets)]
    return "\n".join(lines) + "\n"


def save(results: Sequence[Result]) -> None:
    """Write RESULTS.md."""
    introduction = (
        "# Results\n\n"
        "Written by `make bench`. Machines are noisy: what counts are the ratios, each taken in one run.\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {_machine()}, "
        f"Python {platform.python_version()}, {', '.join(_versions())}.\n"
    )
    RESULTS.write_text("\n".join([introduction, *map(text_of, results)]))


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def _versions() -> list[str]:
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
