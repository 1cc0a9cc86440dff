"""Tables of the reference that are made of the code: parameters, settings, exceptions."""

from __future__ import annotations

import importlib
import inspect
import re
from datetime import timedelta
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from airflow_provider_snowball.aws import AwsParameters

__all__ = ["setup"]

_PARAMETER = re.compile(r"^:param (\w+): (.*?)(?=^:\w|^\.\. |^\S|\Z)", re.MULTILINE | re.DOTALL)
#: Those of Airflow's sensors and operators that are documented there.
_NO_PARAMETERS = frozenset({"self", "kwargs", "later", "args"})


def _load(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _documented(cls: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of each parameter, the class's own first."""
    texts: dict[str, str] = {}
    for each in (*cls.__mro__, AwsParameters):
        if each.__module__.startswith("airflow_provider_snowball"):
            for name, text in _PARAMETER.findall(inspect.cleandoc(each.__doc__ or "")):
                texts.setdefault(name, " ".join(text.split()))
    return texts


def _shown(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    if isinstance(default, timedelta):
        days = default / timedelta(days=1)
        return f"``timedelta(days={days:g})``"
    value = getattr(default, "value", default)
    return f"``{value!r}``"


class _Table(SphinxDirective):
    """A table whose cells are reStructuredText."""

    required_arguments = 0
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        head, rows = self.table()
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for row in [head, *rows]:
            for number, cell in enumerate(row):
                lines.append(f"   {'*' if number == 0 else ' '} - {cell}")
        node = nodes.Element()
        self.state.nested_parse(
            StringList(lines, source=self.get_source_info()[0]), self.content_offset, node
        )
        return node.children

    def table(self) -> tuple[list[str], list[list[str]]]:
        raise NotImplementedError


class Parameters(_Table):
    """``.. parameters:: package.module.Class``: those that it spells, with their defaults."""

    def table(self) -> tuple[list[str], list[list[str]]]:
        cls = _load(self.arguments[0])
        texts = _documented(cls)
        templated = frozenset(getattr(cls, "template_fields", ()))
        rows = []
        for name, parameter in inspect.signature(cls.__init__).parameters.items():
            if name in _NO_PARAMETERS:
                continue
            if name not in texts:
                raise self.error(f"{cls.__name__} says nothing of its parameter {name}")
            text = re.sub(r"\s*\(templated\)", "", texts[name])
            rows.append([f"``{name}``", _shown(parameter.default), "yes" if name in templated else "", text])
        return ["parameter", "default", "templated", "what it is"], rows


class Settings(_Table):
    """``.. settings::``: the options of Airflow's configuration."""

    def table(self) -> tuple[list[str], list[list[str]]]:
        from airflow_provider_snowball.get_provider_info import get_provider_info

        rows = []
        for section, settings in get_provider_info()["config"].items():
            for name, option in settings["options"].items():
                rows.append(
                    [
                        f"``[{section}] {name}``",
                        f"``AIRFLOW__{section.upper()}__{name.upper()}``",
                        f"``{option['default']}``",
                        option["description"],
                    ]
                )
        return ["option", "environment variable", "default", "what it is"], rows


def _leave_out_parameters(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Leave out of an operator's text what the table of its parameters has."""
    if what == "class" and hasattr(obj, "template_fields") and _PARAMETER.search(text := "\n".join(lines)):
        lines[:] = _PARAMETER.sub("", text).splitlines()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("parameters", Parameters)
    app.add_directive("settings", Settings)
    app.connect("autodoc-process-docstring", _leave_out_parameters)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
