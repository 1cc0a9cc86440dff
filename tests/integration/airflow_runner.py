"""Run a sensor through Airflow's own runner and read back what its database says."""

from __future__ import annotations

import importlib.util
import json
import operator
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow import __version__ as airflow_version
from airflow.listeners import hookimpl

from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink

try:
    from airflow.sdk.listener import get_listener_manager
except ImportError:  # before 3.2
    from airflow.listeners.listener import get_listener_manager  # type: ignore[assignment]  # as much to us

SCENARIO_DAG = Path(__file__).with_name("scenario_dag.py")

#: Arguments of the sensor that make up each mode.
MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferrable": {"deferrable": True},
}


@dataclass(frozen=True)
class Outcome:
    """
    How a task ended.

    :param errors: class name and text of each exception that failed a try.
    """

    state: str
    try_number: int
    xcom: Any
    errors: list[tuple[str, str]]


def run_sensor(airflow_home: Path, arguments: dict[str, Any]) -> Outcome:
    """Run one DAG of one sensor with ``dag.test()``: a ClusterJobsSensor if there is a ``cluster_id``."""
    dag_id = f"scenario_{uuid.uuid4().hex}"
    dag_file = airflow_home / "dags" / f"{dag_id}.py"
    shutil.copy(SCENARIO_DAG, dag_file)
    dag_file.with_suffix(".json").write_text(json.dumps({"dag_id": dag_id, "tasks": {"wait": arguments}}))
    try:
        with _failures() as failures:
            run = _load(dag_file).test()
        return _read(dag_id, run.run_id, failures)
    finally:
        for file in dag_file.parent.glob(f"{dag_id}.*"):
            file.unlink()


class _Failures:
    """A listener: in 3.1 and 3.2, ``dag.test()`` tells the callbacks of a task no exception."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, str]] = []

    @hookimpl
    def on_task_instance_failed(self, error: object) -> None:
        self.errors.append((type(error).__name__, str(error)))


@contextmanager
def _failures() -> Iterator[_Failures]:
    """Note each failure of a task."""
    listener, manager = _Failures(), get_listener_manager()
    manager.add_listener(listener)  # type: ignore[no-untyped-call]  # Airflow's own
    try:
        yield listener
    finally:
        manager.pm.unregister(listener)


@dataclass(frozen=True)
class Run:
    """
    How a DAG run ended, by task id and map index, which is -1 for a task that is not mapped.

    :param xcoms: what each task returned.
    :param devices: what each has kept as the XCom ``devices``.
    :param links: where the links of each task lead, by name; empty text for one that leads nowhere.
    """

    state: str
    states: dict[tuple[str, int], str]
    xcoms: dict[tuple[str, int], Any]
    devices: dict[tuple[str, int], Any]
    links: dict[tuple[str, int], dict[str, str | None]]


def run_dag(
    airflow_home: Path, source: Path, conf: dict[str, Any] | None = None, *, mark_success: str | None = None
) -> Run:
    """
    Run a DAG file's ``dag`` with ``dag.test()``.

    :param mark_success: a pattern of tasks that are not run, but marked as if they had succeeded.
    """
    dag_file = airflow_home / "dags" / source.name
    shutil.copy(source, dag_file)
    try:
        dag = _load(dag_file)
        _activate_assets(dag)
        run = dag.test(run_conf=conf, mark_success_pattern=mark_success)
    finally:
        dag_file.unlink()
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    model, decoded = _xcom_model()
    with create_session() as session:
        instances = session.query(TaskInstance).filter_by(dag_id=dag.dag_id, run_id=run.run_id).all()
        rows = session.query(model).filter_by(dag_id=dag.dag_id, run_id=run.run_id).all()
        xcoms: dict[str, dict[tuple[str, int], Any]] = {"return_value": {}, "devices": {}}
        for row in rows:
            xcoms.setdefault(row.key, {})[row.task_id, row.map_index] = decoded(row)
        stored = _as_stored(dag)
        tasks = {ti: stored.get_task(ti.task_id) for ti in instances}
        return Run(
            state=_text(run.state),
            states={(ti.task_id, ti.map_index): _text(ti.state) for ti in instances},
            xcoms=xcoms["return_value"],
            devices=xcoms["devices"],
            links={
                (ti.task_id, ti.map_index): {
                    # Some of Airflow 2's own want its webserver.
                    name: task.get_extra_links(ti, name)
                    for name in task.extra_links
                    if name == SnowFamilyConsoleLink.name
                }
                for ti, task in tasks.items()
            },
        )


def _activate_assets(dag: Any) -> None:
    """Store a DAG, as later lines do: Airflow 3.0 takes the assets of another for inactive."""
    if not airflow_version.startswith("3.0."):
        return
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.serialization import serialized_objects

    form: Any = serialized_objects.SerializedDAG  # type: ignore[attr-defined]  # elsewhere in later lines
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]  # Airflow's own
    form.bulk_write_to_db("dags-folder", None, [form.from_dict(form.to_dict(dag))])


def _as_stored(dag: Any) -> Any:
    """Return a DAG as the UI knows it: from its stored form, without its file."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:  # before 3.2
        from airflow.serialization.serialized_objects import (  # type: ignore[assignment,attr-defined]  # its name then
            SerializedDAG as DagSerialization,
        )
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def _text(state: Any) -> str:
    return str(getattr(state, "value", state))


def _xcom_model() -> tuple[Any, Any]:
    """Return the table of XComs, and what decodes the value of a row."""
    try:
        from airflow.models.xcom import XComModel
    except ImportError:  # Airflow 2.11, which decodes the value when it loads the row
        from airflow.models.xcom import XCom

        return XCom, operator.attrgetter("value")
    return XComModel, XComModel.deserialize_value


def _load(dag_file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(dag_file.stem, dag_file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[dag_file.stem] = module
    spec.loader.exec_module(module)
    module.dag.fileloc = str(dag_file)
    return module.dag


def _read(dag_id: str, run_id: str, failures: _Failures) -> Outcome:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    model, decoded = _xcom_model()
    with create_session() as session:
        ti = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id, task_id="wait").one()
        row = session.query(model).filter_by(dag_id=dag_id, run_id=run_id, key="return_value").one_or_none()
        xcom = None if row is None else decoded(row)
        return Outcome(
            state=_text(ti.state),
            try_number=ti.try_number,
            xcom=xcom,
            errors=failures.errors,
        )
