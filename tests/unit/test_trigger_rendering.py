"""
What may begin in the triggerer comes to the same there: in a bare Jinja environment, as in the DAG's own.

The triggerer's environment is made as airflow/triggers/base.py has it: no DAG, so no macros, no filters, no
native objects, and what is undefined is an empty text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_snowball.sensors.trigger_rendering import why_not_rendered_alike
from airflow_provider_snowball.waiting.config import WaitConfig

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same class

try:
    from airflow.sdk.definitions._internal.templater import SandboxedEnvironment
except ImportError:  # Airflow 2.11
    from airflow.templates import (  # type: ignore[import-not-found, no-redef, unused-ignore]  # 2.11 only
        SandboxedEnvironment,
    )

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
JOB = "JID123e4567-e89b-12d3-a456-426655440000"


def dag_of(**arguments: Any) -> Any:
    return DAG("rendering", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **arguments)


def why_not(template: Any, dag: Any = None) -> str | None:
    return why_not_rendered_alike({"cluster_id": template}, dag or PLAIN)


PLAIN = dag_of()
ON_A_WORKER = PLAIN.get_template_env()
IN_THE_TRIGGERER: Any = SandboxedEnvironment(cache_size=0)  # type: ignore[no-untyped-call]  # Airflow's own


class Instance:
    """What a template asks of a task instance."""

    def xcom_pull(
        self, task_ids: Any = None, key: str = "return_value", map_indexes: Any = None, **_: Any
    ) -> Any:
        return {"ids": [CLUSTER, JOB], "asked": f"{task_ids} {key} {map_indexes}", "none": None}.get(
            key, CLUSTER
        )


class Variables:
    """What a template asks of variables, as ``var.value`` or ``var.json``."""

    def __repr__(self) -> str:
        return "<what has variables>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return {"ids": [CLUSTER], "number": 5}.get(name, CLUSTER)


@dataclass
class Run:
    conf: dict[str, Any]
    run_id: str = "manual__2026-01-01"


def context() -> dict[str, Any]:
    values = {
        "cluster": CLUSTER,
        "state": "WithCustomer",
        "nodes": 5,
        "empty": "",
        "none": None,
        "id": {"x": [JOB]},
    }
    run = Run(dict(values))
    return {
        "params": dict(values),
        "dag_run": run,
        "run_id": run.run_id,
        "ti": Instance(),
        "task_instance": Instance(),
        "var": {"value": Variables(), "json": Variables()},
    }


def on_a_worker(template: str, given: dict[str, Any]) -> str:
    """Render a template as a worker does, with the environment of a plain DAG."""
    return str(ON_A_WORKER.from_string(template).render(given))


def in_the_triggerer(template: str, given: dict[str, Any]) -> str:
    """Render it as airflow/triggers/base.py does."""
    return str(IN_THE_TRIGGERER.from_string(template).render(given))


ALIKE = [
    CLUSTER,
    "",
    "no template { here } %}",
    "{{ params.cluster }}",
    "{{params.cluster}}",
    "{{ params['cluster'] }}",
    "{{ params.id.x }}",
    "{{ params['id']['x'] }}",
    "{{ dag_run.conf.cluster }}",
    "{{ dag_run.conf['cluster'] }}",
    "{{ dag_run.run_id }}",
    "{{ run_id }}",
    "{{ var.value.cluster }}",
    "{{ var.json.ids }}",
    "{{ var.json['ids'] }}",
    "{{ ti.xcom_pull(task_ids='order', map_indexes=-1) }}",
    "{{ task_instance.xcom_pull(task_ids='order', key='asked', map_indexes=-1) }}",
    "{{ ti.xcom_pull(task_ids='order', key='ids', map_indexes=0) }}",
    "{{ params.cluster | trim }}",
    "{{ params.state | lower | upper }}",
    "{{ params.nodes | int }}",
    "{{ params.nodes | default(1) }}",
    "{{ params.nodes | d(1) }}",
    "{{ var.json.ids | first }}",
    "{{ var.json.ids | last }}",
    "{{ var.json.ids | join(',') }}",
    "{{ 'a constant' }}",
    "{{ 5 }}",
]
#: With a part of the reason.
OTHERWISE = {
    "CID{{ params.nodes }}": "text beside an expression",
    "{{ params.cluster }}{{ params.nodes }}": "more than one expression",
    "{{ macros.ds_add(ds, 1) }}": "calls macros.ds_add",
    "{{ f('x') }}": "calls f",
    "{{ TARGET or 'Complete' }}": "Or expression",
    "{{ DEVICES | default(1) }}": "DEVICES is not among",
    "{{ TARGET }}": "TARGET is not among",
    "{{ ds }}": "ds is not among",
    "{{ logical_date }}": "logical_date",
    "{{ prev_start_date_success }}": "prev_start_date_success",
    "{{ prev_data_interval_start_success }}": "prev_data",
    "{{ ti }}": "ti is not among",
    "{{ ti.run_id }}": "ti.run_id",
    "{{ ti.task.dag }}": "ti.task.dag",
    "{{ ti.get_previous_dagrun() }}": "calls ti.get_previous_dagrun",
    "{{ ti.xcom_pull('order') }}": "xcom_pull with other arguments",
    "{{ ti.xcom_pull(task_ids='order') }}": "map_indexes",
    "{{ ti.xcom_pull(task_ids='order', map_indexes=params.n) }}": "no constants",
    "{{ ti.xcom_pull(task_ids=params.t, map_indexes=-1) }}": "no constants",
    "{{ ti.xcom_pull(task_ids=['a', 'b'], map_indexes=-1) }}": "no constants",
    "{{ ti.xcom_pull(task_ids='a', dag_id='other', map_indexes=-1) }}": "xcom_pull with other",
    "{{ ti.xcom_pull(task_ids='a', include_prior_dates=True, map_indexes=-1) }}": "xcom_pull with other",
    "{{ ti.xcom_pull(**params.x) }}": "xcom_pull with other",
    "{{ ti.xcom_pull(*params.x) }}": "xcom_pull with other",
    "{{ ti.xcom_pull }}": "ti.xcom_pull is not among",
    "{{ ti.xcom_pull(task_ids='a', map_indexes=-1).x }}": "Getattr",
    "{{ ti.xcom_pull(task_ids='a', map_indexes=-1)[0] }}": "Getitem",
    "{{ params.x() }}": "calls params.x",
    "{{ params.__class__ }}": "",
    "{{ params['__class__'] }}": "",
    "{{ params._private }}": "",
    "{{ params[params.x] }}": "Getitem",
    "{{ params['x'][1:] }}": "",
    "{{ params.a + params.b }}": "Add",
    "{{ params.a ~ 'x' }}": "Concat",
    "{{ params.a if params.b else 'Complete' }}": "CondExpr",
    "{{ params.a or 'Complete' }}": "Or",
    "{{ not params.a }}": "Not",
    "{{ params.a == 'b' }}": "Compare",
    "{{ params.a is defined }}": "Test",
    "{{ [params.a] }}": "List",
    "{{ (params.a, 1) }}": "Tuple",
    "{{ {'a': params.a} }}": "Dict",
    "{{ range(5) }}": "calls range",
    "{{ lipsum() }}": "calls lipsum",
    "{{ self }}": "self",
    "{{ params.a | own_filter }}": "the filter own_filter",
    "{{ params.a | tojson }}": "the filter tojson",
    "{{ params.a | ds }}": "the filter ds",
    "{{ params.a | ts_nodash }}": "the filter ts_nodash",
    "{{ params.a | random }}": "the filter random",
    "{{ params.a | safe }}": "the filter safe",
    "{{ params.a | map(attribute='b') }}": "the filter map",
    "{{ params.a | default(value=1) }}": "the filter default",
    "{{ params.a | default(*[1]) }}": "the filter default",
    "{{ params.a | default(TARGET) }}": "default with arguments that are no constants",
    "{{ params.a | join(params.b) }}": "join with arguments that are no constants",
    "{{ params.a | trim | default('Complete', true) }}": "the filter default after another one",
    "{{ params.a | first | d(1) }}": "the filter d after another one",
    "{{ params.a | lower | int(1) }}": "the filter int with a default",
    "{{ conn.snow.host }}": "conn.snow.host",
    "{{ var.value.get('x', 'y') }}": "calls var.value.get",
    "{{ var.other.x }}": "var.other.x",
    "{{ var }}": "var is not among",
    "{{ dag_run }}": "dag_run is not among",
    "{{ dag_run.start_date }}": "dag_run.start_date",
    "{{ dag.dag_id }}": "dag.dag_id",
    "{{ task.task_id }}": "task.task_id",
    "{{ inlet_events }}": "inlet_events",
    "{{ loop }}": "loop",
    "{% if params.a %}x{% endif %}": "If statement",
    "{% for x in params.a %}{{ x }}{% endfor %}": "For statement",
    "{% set x = params.a %}{{ x }}": "Assign statement",
    "{% include 'x' %}": "Include statement",
    "{% extends 'x' %}": "Extends statement",
    "{% import 'x' as y %}": "Import statement",
    "{% block x %}{% endblock %}": "Block statement",
    "{% macro f() %}{% endmacro %}": "Macro statement",
    "{% filter upper %}x{% endfilter %}": "FilterBlock statement",
    "{% with x = 1 %}{{ x }}{% endwith %}": "With statement",
    "{% do params.a.append(1) %}": "does not parse",
    "{{ params.a": "does not parse",
    "{{ }}": "does not parse",
    "{{ params.a | }}": "does not parse",
    "{% nonsense %}": "does not parse",
    "{{ ti.xcom_pull(task_ids='a', map_indexes=-1) | own }}": "the filter own",
}


class TestTable:
    @pytest.mark.parametrize("template", ALIKE)
    def test_alike(self, template: str) -> None:
        assert why_not(template) is None
        assert in_the_triggerer(template, context()) == on_a_worker(template, context())

    @pytest.mark.parametrize("template", OTHERWISE)
    def test_otherwise(self, template: str) -> None:
        reason = why_not(template)
        assert reason is not None
        assert reason.startswith("cluster_id is a template that the triggerer may render otherwise: ")
        assert OTHERWISE[template] in reason

    @pytest.mark.parametrize("wrap", [lambda t: [t], lambda t: (t,), lambda t: [[t]], lambda t: {"a": t}])
    def test_wherever_it_stands(self, wrap: Any) -> None:
        assert why_not(wrap("{{ params.a }}")) is None
        assert why_not(wrap("{{ ds }}")) is not None
        assert why_not(wrap(CLUSTER)) is None

    def test_the_argument_is_named(self) -> None:
        texts = {"cluster_id": "{{ params.a }}", "job_ids": [JOB, "{{ ds }}"]}
        reason = why_not_rendered_alike(texts, dag_of())
        assert reason is not None
        assert reason.startswith("job_ids is a template")


DAGS: dict[str, tuple[dict[str, Any], str]] = {
    "macros": ({"user_defined_macros": {"f": str}}, "macros of its own"),
    "filters": ({"user_defined_filters": {"f": str}}, "filters of its own"),
    "native objects": ({"render_template_as_native_obj": True}, "render_template_as_native_obj"),
    "jinja kwargs": ({"jinja_environment_kwargs": {"trim_blocks": True}}, "jinja_environment_kwargs"),
    "undefined": ({"template_undefined": jinja2.Undefined}, "template_undefined of its own"),
    "chainable": ({"template_undefined": jinja2.ChainableUndefined}, "template_undefined of its own"),
    "debug": ({"template_undefined": jinja2.DebugUndefined}, "template_undefined of its own"),
    "a strict one of its own": (
        {"template_undefined": type("Strict", (jinja2.StrictUndefined,), {})},
        "template_undefined of its own",
    ),
}


class TestDags:
    @pytest.mark.parametrize("name", DAGS)
    def test_what_the_triggerer_does_not_know(self, name: str) -> None:
        arguments, says = DAGS[name]
        reason = why_not("{{ params.a }}", dag_of(**arguments))
        assert reason is not None
        assert says in reason

    @pytest.mark.parametrize("name", DAGS)
    def test_is_nothing_to_what_is_no_template(self, name: str) -> None:
        assert why_not(CLUSTER, dag_of(**DAGS[name][0])) is None

    @pytest.mark.parametrize(
        "arguments",
        [
            {"user_defined_macros": {}},
            {"user_defined_filters": {}},
            {"render_template_as_native_obj": False},
            {"jinja_environment_kwargs": {}},
            {"template_undefined": jinja2.StrictUndefined},
        ],
        ids=str,
    )
    def test_empty_settings_are_none(self, arguments: dict[str, Any]) -> None:
        assert why_not("{{ params.a }}", dag_of(**arguments)) is None

    def test_none_known_yet(self) -> None:
        reason = why_not_rendered_alike({"cluster_id": "{{ params.a }}"}, None)
        assert reason is not None
        assert "was not known yet" in reason
        assert why_not_rendered_alike({"cluster_id": CLUSTER, "job_ids": None}, None) is None


NAMES = st.sampled_from(["cluster", "state", "nodes", "empty", "none", "id", "missing", "x", "__class__"])
TEXTS = st.sampled_from(["'Complete'", "'WithCustomer'", "1", "5", "none", "true", f"'{CLUSTER}'", "-1"])
ROOTS = st.sampled_from(
    [
        "params",
        "dag_run.conf",
        "var.value",
        "var.json",
        "ti",
        "dag",
        "TARGET",
        "run_id",
        "dag_run",
        "conn.x",
        "ds",
    ]
)
PATHS = st.builds(
    lambda root, keys: root + "".join(keys),
    ROOTS,
    st.lists(st.one_of(NAMES.map(lambda n: f".{n}"), NAMES.map(lambda n: f"['{n}']")), max_size=3),
)
CALLS = st.builds(
    lambda who, arguments: f"{who}({', '.join(arguments)})",
    st.sampled_from(["ti.xcom_pull", "task_instance.xcom_pull", "f", "params.get", "range"]),
    st.lists(
        st.sampled_from(
            ["task_ids='a'", "key='ids'", "key='none'", "map_indexes=-1", "map_indexes=0", "dag_id='d'"]
        ),
        unique_by=lambda text: text.partition("=")[0],
    ),
)
FILTERS_OF_JINJA = st.sampled_from(
    [
        "d(1)",
        "default('Complete')",
        "default('Complete', true)",
        "first",
        "int",
        "int(5)",
        "join",
        "join(',')",
        "last",
        "lower",
        "trim",
        "upper",
    ]
)
FILTERS = st.one_of(FILTERS_OF_JINJA, st.sampled_from(["own", "tojson", "length", "list"]))
FILTERED = st.builds(
    lambda value, filters: " | ".join([value, *filters]),
    st.one_of(PATHS, TEXTS, CALLS),
    st.lists(FILTERS, max_size=3),
)
EXPRESSIONS = st.one_of(
    FILTERED,
    st.builds(
        lambda left, op, right: f"{left} {op} {right}",
        FILTERED,
        st.sampled_from(["or", "and", "~", "+", "==", "if true else"]),
        FILTERED,
    ),
)
TEMPLATES = st.lists(
    st.one_of(
        EXPRESSIONS.map(lambda text: "{{ " + text + " }}"),
        EXPRESSIONS.map(lambda text: "{{- " + text + " -}}"),
        st.sampled_from(["CID", " ", "\n", "{# a comment #}", "{% raw %}{{ x }}{% endraw %}", "Complete"]),
    ),
    min_size=1,
    max_size=3,
).map("".join)
#: Little but what is allowed, with names that are defined and others.
ALLOWED = st.lists(
    st.one_of(
        st.builds(
            lambda root, name, filters: "{{ " + " | ".join([f"{root}.{name}", *filters]) + " }}",
            st.sampled_from(["params", "dag_run.conf"]),
            st.sampled_from(["cluster", "state", "nodes", "none", "empty", "missing", "missing.x", "id.x"]),
            st.lists(FILTERS_OF_JINJA, max_size=3),
        ),
        st.sampled_from(["5", "Complete", CLUSTER, "{{ 5 }}", " "]),
    ),
    min_size=1,
    max_size=2,
).map("".join)
#: Of what nobody gave, for which a worker fails.
OF_NOTHING = st.builds(
    lambda root, filters: "{{ " + " | ".join([f"{root}.missing", *filters]) + " }}",
    st.sampled_from(["params", "dag_run.conf"]),
    st.lists(FILTERS_OF_JINJA, min_size=1, max_size=3),
)
FAILED = object()


def outcome(render: Any, template: str) -> Any:
    """Return what a template comes to; FAILED if it cannot be rendered."""
    try:
        return render(template, context())
    except Exception:
        return FAILED


def means(name: str, rendered: Any) -> Any:
    """Return what a wait makes of a rendered argument; FAILED if it refuses it."""
    if rendered is FAILED:
        return FAILED
    arguments = {"cluster_id": CLUSTER} | {name: rendered}
    try:
        return getattr(WaitConfig.read(arguments), name)
    except ValueError:
        return FAILED


class TestGenerated:
    @given(template=st.one_of(TEMPLATES, ALLOWED))
    @settings(max_examples=700, deadline=None, derandomize=True)
    def test_what_is_allowed_comes_to_the_same(self, template: str) -> None:
        if why_not(template) is not None:
            return
        worker, triggerer = outcome(on_a_worker, template), outcome(in_the_triggerer, template)
        if worker is not FAILED:
            assert triggerer == worker

    @given(template=ALLOWED, name=st.sampled_from(["cluster_id", "target_state", "min_jobs"]))
    @settings(max_examples=700, deadline=None, derandomize=True)
    def test_what_is_undefined_alone_is_no_value_in_the_triggerer(self, template: str, name: str) -> None:
        """There it is an empty text, which no argument of a wait may be."""
        if why_not(template) is not None or template.count("{{") != 1 or not template.startswith("{{"):
            return
        if not template.endswith("}}"):
            return
        if outcome(on_a_worker, template) is FAILED:
            assert means(name, outcome(in_the_triggerer, template)) is FAILED

    @given(
        template=st.one_of(ALLOWED, OF_NOTHING),
        name=st.sampled_from(["cluster_id", "target_state", "min_jobs"]),
    )
    @settings(max_examples=1400, deadline=None, derandomize=True, print_blob=False)
    def test_what_a_worker_refuses_the_triggerer_does_not_take(self, template: str, name: str) -> None:
        if why_not(template) is None and outcome(on_a_worker, template) is FAILED:
            assert means(name, outcome(in_the_triggerer, template)) is FAILED

    @given(expression=EXPRESSIONS)
    @settings(max_examples=300, deadline=None, derandomize=True)
    def test_a_reason_is_one_line(self, expression: str) -> None:
        reason = why_not("{{ " + expression + " }}")
        assert reason is None or (len(reason.splitlines()) == 1 and len(reason) < 300)

    @given(text=st.text())
    @settings(max_examples=300, deadline=None, derandomize=True)
    def test_any_text_has_an_answer(self, text: str) -> None:
        for template in (text, "{{" + text + "}}", "{%" + text + "%}"):
            reason = why_not(template)
            assert reason is None or reason
