"""No two modules of the emulator need each other, not even for types or in a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from airflow_provider_snowball import emulator

FOLDER = Path(emulator.__file__).parent
MODULES = {path.stem: path for path in FOLDER.glob("*.py")}


def imported(module: str) -> Iterator[str]:
    """Give out the modules of the emulator that one of them imports, wherever in its text."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (name if name in MODULES else "__init__" for name in names)


def test_no_circles() -> None:
    graph = {module: set(imported(module)) for module in MODULES}
    # The reader finds what there is: with none of it the order would be one, too.
    assert {"jobs", "store"} <= graph["announcer"]
    assert "__init__" in graph["server"]
    order = [*TopologicalSorter(graph).static_order()]
    assert set(order) == set(MODULES)


def test_modules_name_each_other_relatively() -> None:
    """What the test above reads."""
    package = emulator.__name__
    found = [
        (module, node.lineno)
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package))
        or (isinstance(node, ast.Import) and any(alias.name.startswith(package) for alias in node.names))
    ]
    assert found == []
