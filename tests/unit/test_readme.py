"""What README and pages show is what is in the repository, said once, and readable wherever it is shown."""

from __future__ import annotations

import re
import runpy
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_snowball import exceptions
from airflow_provider_snowball.compat import AirflowFailException

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
PAGES = sorted(DOCS.glob("*.md"))
ERRORS = (DOCS / "errors.md").read_text()
EXAMPLE = (ROOT / "example_dags" / "example_snowball_cluster_jobs.py").read_text()
#: Of pages that include them.
_ELSEWHERE = ("CONTRIBUTING.md",)


#: Whose blocks other tests run.
RUN = {"before_the_source_may_go.md", "reference_hook.md", "test_your_dag.md"}


def code_of(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def squeezed(text: str) -> str:
    """Return code as it is but for blank lines, of which ruff wants more where a function is not indented."""
    return re.sub(r"\n{2,}", "\n\n", text)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_its_code_is_in_an_example_or_run(page: Path) -> None:
    if page.name in RUN:
        return
    examples = [squeezed(file.read_text()) for file in (ROOT / "example_dags").glob("*.py")]
    for block in map(squeezed, code_of(page.read_text())):
        assert any(block in text or textwrap.indent(block, "    ") in text for text in examples), block


def test_the_guide_shows_the_whole_example() -> None:
    example = EXAMPLE.split("# [START howto_snowball_cluster_jobs]\n")[1].split("# [END")[0]
    assert code_of((DOCS / "wait_for_devices.md").read_text()) == [example]
    assert squeezed(textwrap.indent(code_of(README)[0], "    ")) in squeezed(example)


def test_its_links_lead_somewhere_on_a_package_index() -> None:
    """There, no file of the repository is beside it: it has no links but absolute ones."""
    assert re.findall(r"(?<!!)\[[^\]]*\]\((?!https://)", README) == []
    # The text of a picture stands in its place there.
    assert all((ROOT / path).exists() for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_docs_lead_somewhere(page: Path) -> None:
    """As files, too; the site's build follows those to headings."""
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    # What is only in a checkout is not beside the tests where these meet the wheel.
    there = [link for link in links if "://" not in link and not link.startswith("../SECURITY")]
    assert [link for link in there if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{page.name}" for page in PAGES)])
def test_files_that_are_named_are_there(name: str) -> None:
    named = re.findall(r"`((?:docs|example_dags|tests)/[\w./]+)`", (ROOT / name).read_text())
    assert [each for each in named if not (ROOT / each).exists()] == []


def sentences(text: str) -> set[str]:
    """Return what is long enough to be a copy of something: sentences, items of lists, rows of tables."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for paragraph in re.split(r"\n(?:\n|(?=[-|#]))", prose):
        flat = " ".join(paragraph.split()).strip("-| ")
        found |= {each for each in re.split(r"(?<=[.:;]) ", flat) if len(each) > 70}
    return found


def test_nothing_is_said_twice() -> None:
    texts = [
        README,
        *((ROOT / name).read_text() for name in _ELSEWHERE),
        *(page.read_text() for page in PAGES),
    ]
    counted = Counter(each for text in texts for each in sentences(text))
    assert len(counted) > 500
    assert [each for each, times in counted.items() if times > 1] == []


def test_the_picture_of_states_is_the_code() -> None:
    drawing = runpy.run_path(str(DOCS / "_ext" / "state_picture.py"))
    assert drawing["PICTURE"].read_text() == drawing["draw"]()


def test_every_exception_is_in_the_table() -> None:
    listed = set(re.findall(r"^\| `(Snowball\w+)` \|", ERRORS, re.MULTILINE))
    assert listed == set(exceptions.__all__) - {"SnowballError"}


@pytest.mark.parametrize("name", sorted(set(exceptions.__all__) - {"SnowballError"}))
def test_what_it_says_of_retries_is_so(name: str) -> None:
    said = re.search(rf"^\| `{name}` \|.*\| (final|apply) \|$", ERRORS, re.MULTILINE)
    assert said is not None
    final = issubclass(getattr(exceptions, name), AirflowFailException)
    assert said[1] == ("final" if final else "apply")
