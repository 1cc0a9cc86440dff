"""Files of the repository outside ``docs`` are pages of the site; in the repository, links lead to files."""

from __future__ import annotations

import re
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

__all__ = ["setup"]

_FIGURES = re.compile(r"\]\((?:\.\./)+benchmarks/(\w+)\.md")
_SECURITY = re.compile(r"\]\((?:\.\./)+SECURITY\.md")


def _lead_to_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    root = "../" * docname.count("/")
    text = _FIGURES.sub(lambda found: f"]({root}figures/{found[1].lower()}.md", source[0])
    source[0] = _SECURITY.sub(f"]({root}vulnerabilities.md", text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what leads there, and a name of the import map's form."""
    app.connect("source-read", _lead_to_pages)
    app.add_lexer("imports", TextLexer)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
