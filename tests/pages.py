"""What a page shows of a command's output, and what of that was not printed by the command."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["blocks_of", "not_printed"]


def blocks_of(language: str, page: Path) -> list[str]:
    """Return the contents of a page's blocks in a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", page.read_text(), re.DOTALL | re.MULTILINE)


def not_printed(block: str, printed: str) -> list[str]:
    """
    Return the lines of a block to which no printed line is alike.

    Alike are lines that differ in numbers, times, ids, the width of columns, or by what is around them; ``…``
    stands for anything. A number that matters needs an assertion of its own.
    """
    forms = [_form(line) for line in printed.splitlines()]
    return [
        line
        for line in block.splitlines()
        if not any(re.search(".*".join(map(re.escape, _form(line).split("…"))), form) for form in forms)
    ]


def _form(line: str) -> str:
    line = re.sub(r"\b([CJ]ID)[0-9a-f-]+…?", r"\1", line)
    return " ".join(re.sub(r"\d+", "0", line).split())
