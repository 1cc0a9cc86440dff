"""
What this package raises, and the warnings of a wait's log, have codes; docs/messages.md has each.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import airflow_provider_snowball
from airflow_provider_snowball import exceptions

PACKAGE = Path(airflow_provider_snowball.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
CODE = re.compile(r"\bSNB\d{3}\b")
#: What tells users of something, by name. An UnreadableError becomes a SnowballFileError, with its code.
TELLING = {"ArgumentError", "Fail", "Hopeless", "LogLine"} | set(exceptions.__all__)
#: What hands on an error alone, which has a code of its own.
HANDED_ON = {"…: …", "Job … does not exist: …", "…, and now …"}
#: Codes that hooks/errors.py adds to the words of others: tests/unit/test_errors.py has which to which.
ADDED = {"SNB204", "SNB209", "SNB210", "SNB211", "SNB212", "SNB303", "SNB304", "SNB305", "SNB306"}
#: Those that another place adds to the text.
APART = {"SNB405", "SNB412", "SNB504", "SNB505"}
#: Methods that put a line into a wait's log.
LINES = {"say", "add"}


#: The emulator answers as AWS does; the wheel has the examples in the package.
NOT_TOLD = {"emulator", "example_dags"}


@cache
def modules() -> tuple[ast.Module, ...]:
    files = sorted(file for file in PACKAGE.rglob("*.py") if not NOT_TOLD & set(file.parts))
    assert len(files) > 40
    return tuple(ast.parse(file.read_text(), str(file)) for file in files)


def nodes() -> Iterator[ast.AST]:
    """Return all nodes but docstrings."""
    for module in modules():
        told_of = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
        yield from (
            node for node in ast.walk(module) if id(node) not in told_of or isinstance(node, ast.Call)
        )


def words_of(text: ast.AST) -> str | None:
    """Return a literal text, with … for what differs; None if it is none."""
    if isinstance(text, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in text.values)
    return text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else None


@cache
def texts() -> frozenset[str]:
    return frozenset(words for words in map(words_of, nodes()) if words is not None)


def tells(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute):
        warns = any(ast.unparse(each) == "logging.WARNING" for each in call.args)
        return warns and call.func.attr in LINES and "_lines" in ast.unparse(call.func.value)
    return isinstance(call.func, ast.Name) and call.func.id in TELLING


def told() -> list[tuple[str, str]]:
    """Return each literal text that a user may be told, and the source of the call that tells it."""
    calls = [node for node in nodes() if isinstance(node, ast.Call) and tells(node)]
    return [
        (words, ast.unparse(call))
        for call in calls
        for words in [words_of(each) for each in call.args]
        # A name of a line, which tells it from others, is one word.
        if words is not None and " " in words and not words.startswith("parts of ")
    ]


def rows() -> list[tuple[str, str]]:
    """Return the codes and messages of the page."""
    return re.findall(r"^\| (SNB\d{3}) \| `([^`]+)`", PAGE.read_text(), re.MULTILINE)


def test_there_are_many() -> None:
    assert len(told()) > 80
    assert len(rows()) > 50


def test_each_text_has_a_code() -> None:
    assert [words for words, _ in told() if not CODE.search(words) and words not in HANDED_ON] == []


def test_the_page_has_every_code_and_no_other() -> None:
    known = {code for text in texts() for code in CODE.findall(text)}
    assert {code for code, _ in rows()} == known


@pytest.mark.parametrize(("code", "message"), rows())
def test_the_page_has_the_words_of_the_code(code: str, message: str) -> None:
    # Advice is added to the words of an error, and the code to both.
    fixed = map(re.escape, message.removeprefix("…; ").split("…"))
    pattern = re.compile(".*".join(fixed), re.DOTALL)
    found = [text for text in texts() if pattern.search(text)]
    assert found
    assert any(code in text for text in found) or code in ADDED | APART


def test_a_group_has_its_hundred() -> None:
    groups = PAGE.read_text().split("\n## ")[1:]
    assert [{code[3] for code in CODE.findall(group)} for group in groups] == [{f"{n}"} for n in range(1, 7)]
