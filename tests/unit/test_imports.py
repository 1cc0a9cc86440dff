"""Who may import whom, and what a DAG file pays for our modules at each parse."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_snowball

PACKAGE = "airflow_provider_snowball"
FOLDER = Path(airflow_provider_snowball.__file__).parent
STANDARD_LIBRARY = frozenset(sys.stdlib_module_names)


class When(Enum):
    """When an import statement runs."""

    IMPORTED = "with the module"
    USED = "in a function"
    TYPED = "for types only"


@dataclass(frozen=True)
class Import:
    """That ``module`` imports ``imported``, both by their full names."""

    module: str
    imported: str
    when: When


def _module_name(file: Path) -> str:
    parts = [PACKAGE, *file.relative_to(FOLDER).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_module_name(file): file for file in sorted(FOLDER.rglob("*.py"))}


def layer_of(module: str) -> str:
    """Return the part of the package that a module belongs to: ``hooks`` for ``….hooks.snowball``."""
    return [*module.split("."), ""][1]


class _Finder(ast.NodeVisitor):
    def __init__(self, module: str, is_package: bool) -> None:
        self.module = module
        self.package = module.split(".") if is_package else module.split(".")[:-1]
        self.when = When.IMPORTED
        self.found: list[Import] = []

    def _at(self, when: When, nodes: list[Any]) -> None:
        before, self.when = self.when, when if self.when is When.IMPORTED else self.when
        for node in nodes:
            self.visit(node)
        self.when = before

    def visit_FunctionDef(self, node: Any) -> None:
        self._at(When.USED, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        only_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        self._at(When.TYPED if only_types else self.when, node.body)
        self._at(self.when, node.orelse)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [Import(self.module, alias.name, self.when) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        parents = self.package[: len(self.package) - node.level + 1] if node.level else []
        source = ".".join([*parents, *([node.module] if node.module else [])])
        for alias in node.names:
            # "from package import module" is an import of the module.
            full = f"{source}.{alias.name}"
            self.found.append(Import(self.module, full if full in FILES else source, self.when))


@cache
def imports() -> tuple[Import, ...]:
    """Return every import statement of the package."""
    found: list[Import] = []
    for module, file in FILES.items():
        finder = _Finder(module, is_package=file.name == "__init__.py")
        finder.visit(ast.parse(file.read_text(), str(file)))
        found += finder.found
    return tuple(found)


def is_in(module: str, *packages: str) -> bool:
    """Tell whether a module is one of the packages, or in one of them."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


#: Layer by layer: the layers that it imports. The empty name is the package itself, with its version.
MAY_IMPORT: dict[str, set[str]] = {
    "": set(),
    "lifecycle": set(),
    "validate": set(),
    "compat": set(),
    "calls": set(),
    "connection": set(),
    "durations": set(),
    "sightings": {"durations", "lifecycle"},
    "terms": {"calls", "lifecycle", "sightings", "validate"},
    "wait": {"calls", "durations", "lifecycle", "sightings", "terms"},
    "exceptions": {"compat", "wait"},
    "links": {"compat"},
    "aws": {"compat", "links"},
    "get_provider_info": {"", "connection"},
    "hooks": {"calls", "compat", "connection", "exceptions", "lifecycle", "validate", "wait"},
    "triggers": {"aws", "calls", "compat", "terms", "wait"},
    "sensors": {
        "aws",
        "calls",
        "compat",
        "exceptions",
        "lifecycle",
        "links",
        "sightings",
        "terms",
        "validate",
        "wait",
    },
    "operators": {"aws", "lifecycle", "links", "validate"},
    "emulator": {"lifecycle"},
}
#: The layers that it imports only where they are used, so that parsing a DAG file stays light.
MAY_USE: dict[str, set[str]] = {
    "triggers": {"hooks"},
    "sensors": {"hooks", "triggers"},
    "operators": {"hooks"},
}
#: What it imports of others, the standard library apart.
MAY_IMPORT_OF_OTHERS: dict[str, set[str]] = {
    "compat": {"airflow"},
    "hooks": {"airflow.providers.amazon", "botocore"},
    "triggers": {"airflow.observability.stats", "airflow.stats", "airflow.triggers.base", "asgiref"},
    "emulator": {"boto3", "botocore", "moto", "pytest", "werkzeug"},
}
#: What it imports of others only where it is used.
MAY_USE_OF_OTHERS: dict[str, set[str]] = {
    # For the connection form of Airflow before 3.2, which brings them.
    "hooks": {"flask_appbuilder", "wtforms"},
    "sensors": {"airflow.triggers.base"},
}


class TestDirections:
    def test_every_layer_is_in_the_table(self) -> None:
        assert {layer_of(module) for module in FILES} == set(MAY_IMPORT)

    @pytest.mark.parametrize("layer", MAY_IMPORT)
    def test_layers(self, layer: str) -> None:
        allowed = {
            When.IMPORTED: MAY_IMPORT[layer],
            When.USED: MAY_IMPORT[layer] | MAY_USE.get(layer, set()),
            When.TYPED: MAY_IMPORT[layer] | MAY_USE.get(layer, set()),
        }
        against = [
            each
            for each in imports()
            if layer_of(each.module) == layer
            and is_in(each.imported, PACKAGE)
            and layer_of(each.imported) not in {layer, *allowed[each.when]}
        ]
        assert against == []

    @pytest.mark.parametrize("layer", MAY_IMPORT)
    def test_other_packages(self, layer: str) -> None:
        """Imports for types only are free: they never run."""
        at_import = MAY_IMPORT_OF_OTHERS.get(layer, set())
        allowed = {When.IMPORTED: at_import, When.USED: at_import | MAY_USE_OF_OTHERS.get(layer, set())}
        against = [
            each
            for each in imports()
            if layer_of(each.module) == layer
            and each.when is not When.TYPED
            and not is_in(each.imported, PACKAGE, *allowed[each.when])
            and each.imported.partition(".")[0] not in STANDARD_LIBRARY
        ]
        assert against == []

    def test_nothing_else_imports_the_emulator(self) -> None:
        users = {each.module for each in imports() if layer_of(each.imported) == "emulator"}
        assert {layer_of(module) for module in users} == {"emulator"}

    def test_the_version_imports_nothing(self) -> None:
        assert [each for each in imports() if each.module == PACKAGE] == []

    def test_the_reader_sees_what_there_is(self) -> None:
        """The other tests pass on an empty list, too."""
        sensor, hook = f"{PACKAGE}.sensors.base", f"{PACKAGE}.hooks.snowball"
        assert set(imports()) >= {
            Import(sensor, f"{PACKAGE}.wait", When.IMPORTED),
            Import(sensor, hook, When.USED),
            Import(sensor, hook, When.TYPED),
            Import(hook, "botocore.session", When.IMPORTED),
            Import(f"{PACKAGE}.compat", "airflow.sdk", When.IMPORTED),
            Import(f"{PACKAGE}.compat", "airflow.sdk", When.TYPED),
            Import(f"{PACKAGE}.emulator.plan", f"{PACKAGE}.lifecycle", When.IMPORTED),
            Import(f"{PACKAGE}.emulator", f"{PACKAGE}.emulator.models", When.IMPORTED),
        }


def run_python(code: str, *options: str, **environment: str) -> str:
    """Run code in a Python of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


_MODULES_ADDED = """
import json, sys
from datetime import datetime
try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG
{before}
before = set(sys.modules)
{then}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def modules_added(then: str, before: str = "") -> set[str]:
    """Return the modules that ``then`` adds to a process that has imported DAG and run ``before``."""
    lines = run_python(_MODULES_ADDED.format(before=before, then=then)).splitlines()
    return set(json.loads(lines[-1]))


HEAVY = (
    "airflow.providers",
    "airflow.triggers",
    "asgiref",
    "boto3",
    "botocore",
    "moto",
    "requests",
    "s3transfer",
    "urllib3",
)
OURS = {
    PACKAGE,
    f"{PACKAGE}.aws",
    f"{PACKAGE}.calls",
    f"{PACKAGE}.compat",
    f"{PACKAGE}.exceptions",
    f"{PACKAGE}.lifecycle",
    f"{PACKAGE}.links",
    f"{PACKAGE}.links.snowball",
    f"{PACKAGE}.operators",
    f"{PACKAGE}.operators.snowball",
    f"{PACKAGE}.sensors",
    f"{PACKAGE}.sensors.snowball",
    f"{PACKAGE}.terms",
    f"{PACKAGE}.validate",
    f"{PACKAGE}.wait",
    f"{PACKAGE}.sensors.base",
    f"{PACKAGE}.durations",
    f"{PACKAGE}.sightings",
}
#: What Airflow's own base classes of sensors and links bring.
AIRFLOWS = (
    "airflow.sdk.bases.operatorlink",
    "airflow.sdk.bases.sensor",
    # Airflow 2.11
    "airflow.models.baseoperatorlink",
    "airflow.models.skipmixin",
    "airflow.sensors",
    "airflow.ti_deps.deps.ready_to_reschedule",
)
IMPORT_OURS = """
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
"""
MAKE_A_DAG_OF_AIRFLOWS = """
from airflow_provider_snowball.compat import BaseOperator, BaseSensorOperator
with DAG(dag_id="airflows", schedule=None, start_date=datetime(2026, 1, 1)):
    BaseOperator(task_id="first") >> BaseSensorOperator(task_id="second")
"""
MAKE_A_DAG_OF_OURS = """
with DAG(dag_id="ours", schedule=None, start_date=datetime(2026, 1, 1)):
    cluster = "CID123e4567-e89b-12d3-a456-426655440000"
    wait = ClusterJobsSensor(task_id="wait", cluster_id=cluster, target_state="WithCustomer", deferrable=True)
    wait >> ListClusterJobsOperator(task_id="list", cluster_id=cluster, job_states=["WithCustomer"])
"""


@pytest.fixture(scope="module")
def added() -> set[str]:
    """Return the modules that importing the sensor and the operator adds."""
    return modules_added(IMPORT_OURS)


class TestParsing:
    def test_importing_adds_nothing_heavy(self, added: set[str]) -> None:
        assert {module for module in added if is_in(module, *HEAVY)} == set()

    def test_importing_adds_these_modules(self, added: set[str]) -> None:
        # Where the package is installed, Airflow has read its metadata, and so the package, by then.
        assert {module for module in added if is_in(module, PACKAGE)} | {PACKAGE} == OURS
        others = {module for module in added if not is_in(module, PACKAGE, *AIRFLOWS)}
        assert {module for module in others if module.partition(".")[0] not in STANDARD_LIBRARY} == set()

    def test_making_tasks_adds_nothing_to_making_airflows_own(self) -> None:
        more = modules_added(MAKE_A_DAG_OF_OURS, before=IMPORT_OURS + MAKE_A_DAG_OF_AIRFLOWS)
        assert {module for module in more if module.partition(".")[0] not in STANDARD_LIBRARY} == set()

    def test_the_hook_is_heavy(self) -> None:
        """The list of heavy modules names what it is there to keep out."""
        heavy = modules_added(f"import {PACKAGE}.hooks.snowball")
        assert {"airflow.providers.amazon.aws.hooks.base_aws", "boto3", "botocore"} <= heavy

    def test_the_version_costs_nothing(self) -> None:
        code = f"""
import sys
before = set(sys.modules)
import {PACKAGE}
print(sorted(set(sys.modules) - before))
"""
        assert run_python(code).strip() == f"['{PACKAGE}']"


_IMPORT_ALL = f"""
import importlib, pkgutil
import {PACKAGE} as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
    print(module.name)
"""


def test_no_module_uses_what_is_deprecated() -> None:
    printed = run_python(
        _IMPORT_ALL,
        "-W",
        "error::DeprecationWarning",
        "-W",
        "error::FutureWarning",
        # Airflow 2.11 warns of this setting's default whenever it is imported; it is nothing of ours.
        AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY="True",
    )
    assert {PACKAGE, *printed.split()} >= set(FILES)
