"""What Airflow's ProvidersManager reads is true."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import pkgutil
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

import airflow_provider_snowball
from airflow_provider_snowball.compat import BaseOperator, BaseSensorOperator
from airflow_provider_snowball.get_provider_info import get_provider_info
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

INFO = get_provider_info()
PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
ENTRY_POINT = PYPROJECT["project"]["entry-points"]["apache_airflow_provider"]
KINDS = ("hooks", "operators", "sensors", "triggers")


def our_paths(info: Any) -> Iterator[str]:
    """Return every path into this package, wherever it stands."""
    if isinstance(info, dict):
        info = info.values()
    elif isinstance(info, str):
        if info.startswith("airflow_provider_snowball"):
            yield info
        return
    elif not isinstance(info, list):
        return
    for each in info:
        yield from our_paths(each)


def listed_modules(kind: str) -> list[str]:
    return [module for entry in INFO[kind] for module in entry["python-modules"]]


def test_there_are_paths() -> None:
    """The next test is none without them."""
    assert len(set(our_paths(INFO))) >= len(KINDS)


@pytest.mark.parametrize("path", sorted(set(our_paths(INFO))))
def test_path_imports(path: str) -> None:
    assert pkgutil.resolve_name(path) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_every_module_of_a_kind_is_listed(kind: str) -> None:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from airflow.triggers.base import BaseTrigger

    base = {
        "hooks": AwsGenericHook,
        "operators": BaseOperator,
        "sensors": BaseSensorOperator,
        "triggers": BaseTrigger,
    }[kind]
    package = importlib.import_module(f"airflow_provider_snowball.{kind}")
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        # What the classes of a kind have in common is nothing that anybody uses by itself.
        if not module.name.endswith(".base")
    ]
    with_such_classes = [
        module.__name__
        for module in modules
        if any(
            isinstance(each, type) and issubclass(each, base) and each.__module__ == module.__name__
            for each in vars(module).values()
        )
    ]
    assert with_such_classes == listed_modules(kind)


def test_airflows_schema() -> None:
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)
    # The schema lets unknown keys pass, a misspelt one among them; 2.11 does not know all that 3 reads.
    known = {"versions", "integrations", "operators", "sensors", "hooks", *schema["properties"]}
    assert set(INFO) <= known


def test_every_link_of_a_task_is_listed() -> None:
    """Airflow 2.11 drops others."""
    classes = {type(link) for link in ClusterJobsSensor.operator_extra_links}
    classes |= {type(link) for link in ListClusterJobsOperator.operator_extra_links}
    assert [f"{each.__module__}.{each.__name__}" for each in classes] == INFO["extra-links"]


def test_integrations_named_are_described() -> None:
    described = {entry["integration-name"] for entry in INFO["integrations"]}
    assert {entry["integration-name"] for kind in KINDS for entry in INFO[kind]} == described


def test_it_is_this_package() -> None:
    assert INFO["package-name"] == PYPROJECT["project"]["name"]
    assert INFO["versions"] == [airflow_provider_snowball.__version__]
    assert "version" in PYPROJECT["project"]["dynamic"]
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "airflow_provider_snowball/__init__.py"


def test_the_entry_point_leads_to_it() -> None:
    assert [pkgutil.resolve_name(path) for path in ENTRY_POINT.values()] == [get_provider_info]


def test_the_installed_package_is_the_same() -> None:
    try:
        installed = importlib.metadata.distribution(PYPROJECT["project"]["name"])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is on the path, but not installed")
    assert installed.version == airflow_provider_snowball.__version__
    found = {
        each.name: each.value for each in installed.entry_points if each.group == "apache_airflow_provider"
    }
    assert found == ENTRY_POINT


class TestConfig:
    OPTION = INFO["config"]["snowball"]["options"]["poke_interval"]

    def sensor(self, **arguments: Any) -> ClusterJobsSensor:
        return ClusterJobsSensor(task_id="wait", cluster_id="{{ params.cluster_id }}", **arguments)

    def test_its_default_is_what_a_sensor_uses(self) -> None:
        assert self.sensor().poke_interval == float(self.OPTION["default"]) == 900.0

    def test_it_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW__SNOWBALL__POKE_INTERVAL", "42.5")
        assert self.sensor().poke_interval == 42.5
        assert self.sensor(poke_interval=7).poke_interval == 7
