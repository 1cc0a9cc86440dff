"""
What Airflow's triggerer renders as a worker would: where a wait may begin without a worker.

The triggerer renders in an environment of its own, without the macros, filters, native objects and the
undefined class of a DAG (airflow/triggers/base.py), and leaves some questions of templates unanswered. So a
template may hold what is listed here, and nothing else: what is not known to be rendered alike is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["why_not_rendered_alike"]

#: How a template may begin: a name, and the attributes or keys that must follow it.
_ROOTS: tuple[tuple[str, ...], ...] = (
    ("dag_run", "conf"),
    ("dag_run", "run_id"),
    ("params",),
    ("run_id",),
    ("var", "json"),
    ("var", "value"),
)
#: Jinja's own filters, which are the same everywhere.
_FILTERS = frozenset({"d", "default", "first", "int", "join", "last", "lower", "trim", "upper"})
#: Those of them that make something of nothing, which here is an empty text, and on a worker an error.
_DEFAULTS = frozenset({"d", "default"})
#: What the arguments of ti.xcom_pull may be called. Without map_indexes it asks for a slice of XComs, which
#: Airflow 3.3's triggerer does not answer: the trigger hangs (no issue filed).
_PULL = frozenset({"key", "map_indexes", "task_ids"})


def why_not_rendered_alike(texts: Mapping[str, Any], dag: Any) -> str | None:
    """
    Say why templates may come to something else in the triggerer than on a worker; None if they will not.

    :param texts: templated arguments by name.
    :param dag: their DAG, None if it is not known yet.
    """
    templates = {name: list(_templates_in(value)) for name, value in texts.items()}
    if not any(templates.values()):
        return None
    if dag is None:
        return "whether the triggerer renders its templates alike depends on the DAG, which was not known yet"
    for attribute, what in (
        ("user_defined_macros", "macros of its own"),
        ("user_defined_filters", "filters of its own"),
        ("render_template_as_native_obj", "render_template_as_native_obj"),
        ("jinja_environment_kwargs", "jinja_environment_kwargs"),
    ):
        if getattr(dag, attribute, None):
            return f"its DAG has {what}, which the triggerer does not know"
    if getattr(dag.template_undefined, "__name__", None) != "StrictUndefined":
        return "its DAG has a template_undefined of its own, which the triggerer does not know"
    for name, found in templates.items():
        for template in found:
            if reason := _why_not(template):
                return f"{name} is a template that the triggerer may render otherwise: {reason}"
    return None


def _templates_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if any(mark in value for mark in ("{{", "{%", "{#")):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _templates_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _templates_in(item)


def _why_not(template: str) -> str | None:
    import jinja2
    from jinja2 import nodes

    try:
        tree = jinja2.Environment(autoescape=True).parse(template)
    except jinja2.TemplateError as error:
        return f"it does not parse ({error})"
    found: list[Any] = []
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return f"it has a {type(statement).__name__} statement"
        for node in statement.nodes:
            if not isinstance(node, nodes.TemplateData):
                found.append(node)
            elif node.data.strip():
                # Were the expression undefined, the text alone would be taken, where a worker fails.
                return "it has text beside an expression"
    if len(found) != 1:
        return "it has more than one expression"
    return _why_not_value(found[0])


def _why_not_value(node: Any) -> str | None:
    from jinja2 import nodes

    if isinstance(node, nodes.Const):
        return None
    if isinstance(node, nodes.Filter):
        if node.name not in _FILTERS or node.kwargs or node.dyn_args or node.dyn_kwargs:
            return f"the filter {node.name}"
        return _why_not_filter(node) or _why_not_value(node.node)
    if isinstance(node, nodes.Call):
        return _why_not_call(node)
    path = _path_of(node)
    if path is None:
        return f"it has a {type(node).__name__} expression"
    if any(path[: len(root)] == root for root in _ROOTS):
        return None
    return f"{'.'.join(path)} is not among what it is known to render"


def _why_not_filter(node: Any) -> str | None:
    """Say why a filter may make a value of what a worker refuses: what is undefined is an empty text here."""
    from jinja2 import nodes

    if not all(isinstance(each, nodes.Const) for each in node.args):
        return f"the filter {node.name} with arguments that are no constants"
    if node.name in _DEFAULTS and isinstance(node.node, nodes.Filter):
        return f"the filter {node.name} after another one"
    if node.name == "int" and node.args:
        return "the filter int with a default"
    return None


def _why_not_call(node: Any) -> str | None:
    from jinja2 import nodes

    path = _path_of(node.node)
    if path not in (("ti", "xcom_pull"), ("task_instance", "xcom_pull")):
        return f"it calls {'.'.join(path) if path else 'something'}"
    names = {each.key for each in node.kwargs}
    if node.args or node.dyn_args or node.dyn_kwargs or not names <= _PULL:
        return "xcom_pull with other arguments than task_ids, key and map_indexes by name"
    if "map_indexes" not in names:
        return "the triggerer answers xcom_pull only if it is told map_indexes (-1 for a plain task)"
    constant = (nodes.Const, nodes.Neg)
    if not all(isinstance(each.value, constant) for each in node.kwargs):
        return "xcom_pull with arguments that are no constants"
    return None


def _path_of(node: Any) -> tuple[str, ...] | None:
    """Return a name and what follows it, of ``name.attribute['key']``; None of anything else."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before, key = _path_of(node.node), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        before, key = _path_of(node.node), str(node.arg.value)
    else:
        return None
    # What begins so is of the object itself, not a key in it.
    return None if before is None or key.startswith("_") else (*before, key)
