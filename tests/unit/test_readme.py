"""What the README shows is what is in the repository, and readable wherever it is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_snowball import exceptions
from airflow_provider_snowball.compat import AirflowFailException

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted((ROOT / "docs").glob("*.md"))


def test_its_dag_is_the_example() -> None:
    example = (ROOT / "example_dags" / "example_snowball_cluster_jobs.py").read_text()
    block = example.split("# [START howto_snowball_cluster_jobs]\n")[1].split("# [END")[0]
    assert f"```python\n{block}```" in README


def test_its_links_lead_somewhere_on_a_package_index() -> None:
    """There, no file of the repository is beside it: links are absolute, or lead to its own headings."""
    anchors = {
        "#" + re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert {link for link in links if not link.startswith("https://")} <= anchors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_docs_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "docs/gate_a_migration.md", "docs/one_device_at_a_time.md"])
def test_files_that_are_named_are_there(name: str) -> None:
    named = re.findall(r"`((?:docs|example_dags)/[\w./]+)`", (ROOT / name).read_text())
    assert named
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_every_exception_is_in_its_table() -> None:
    listed = set(re.findall(r"^\| `(Snowball\w+)` \|", README, re.MULTILINE))
    assert listed == set(exceptions.__all__) - {"SnowballError"}


@pytest.mark.parametrize("name", sorted(set(exceptions.__all__) - {"SnowballError"}))
def test_what_it_says_of_retries_is_so(name: str) -> None:
    said = re.search(rf"^\| `{name}` \|.*\| (final|apply) \|$", README, re.MULTILINE)
    assert said is not None
    final = issubclass(getattr(exceptions, name), AirflowFailException)
    assert said[1] == ("final" if final else "apply")
