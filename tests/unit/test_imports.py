"""Who may import whom, and what a DAG file pays for our modules at each parse."""

from __future__ import annotations

import ast
import json
import os
import re
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


#: But for the examples, which the wheel has there.
FILES = {
    _module_name(file): file for file in sorted(FOLDER.rglob("*.py")) if "example_dags" not in file.parts
}


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


CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
#: A line of the map: who imports whom, and in brackets, whom only where it is used.
_LINE = re.compile(r"(?P<who>\S+) +-> (?P<imports>[^(]*)(?:\((?P<uses>[^)]*)\))?")


def _names(listed: str | None) -> set[str]:
    return {name.strip() for name in (listed or "").split(",") if name.strip() not in ("", "nothing")}


def _read_map() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return whom each part may import, and whom it may use, as CONTRIBUTING shows it."""
    block = CONTRIBUTING.read_text().partition("```imports\n")[2].partition("```")[0]
    lines = [_LINE.fullmatch(line) for line in block.splitlines()]
    assert lines
    assert all(lines), block
    found = [line for line in lines if line is not None]
    return (
        {line["who"]: _names(line["imports"]) for line in found},
        {line["who"]: _names(line["uses"]) for line in found},
    )


#: Part by part: the parts that it imports, and those that it imports only where they are used, so that
#: parsing a DAG file stays light. A part is a module at the top, a folder, or a module that is named.
MAY_IMPORT, MAY_USE = _read_map()


def part_of(module: str) -> str:
    """Return the part that the rules for a module's own imports are under."""
    inside = module.removeprefix(PACKAGE).removeprefix(".")
    named = [part for part in MAY_IMPORT if is_in(inside, part)]
    return max(named, key=len, default=inside)


def may_import(module: str, imported: str, parts: set[str]) -> bool:
    """Tell whether a module may import another of ours, if it may import these parts."""
    if part_of(module) == part_of(imported):
        return True
    inside = imported.removeprefix(PACKAGE).removeprefix(".")
    return any(is_in(inside, part) for part in parts)


#: What it imports of others, the standard library apart.
MAY_IMPORT_OF_OTHERS: dict[str, set[str]] = {
    "compat": {"airflow"},
    # urllib3 is botocore's own: what it says of connections is behind botocore's errors.
    "hooks": {"airflow.providers.amazon", "botocore", "urllib3"},
    "plugin": {"airflow.plugins_manager"},
    "triggers": {"airflow.observability.stats", "airflow.stats", "airflow.triggers.base", "asgiref"},
    "emulator": {"boto3", "botocore", "moto", "pytest", "werkzeug"},
    "emulator.api": {"botocore", "moto"},
}
#: What it imports of others only where it is used.
MAY_USE_OF_OTHERS: dict[str, set[str]] = {
    # For the connection form of Airflow before 3.2, which brings them.
    "hooks": {"flask_appbuilder", "wtforms"},
    "plugin": {"starlette"},
    "sensors": {"airflow.triggers.base", "jinja2"},
}


def _circles(ahead: dict[str, set[str]]) -> list[list[str]]:
    """Return each set of nodes that lead back to themselves."""

    def reached_from(start: str) -> set[str]:
        found: set[str] = set()
        edge = {start}
        while edge:
            edge = set().union(*(ahead[node] for node in edge)) - found
            found |= edge
        return found

    reach = {node: reached_from(node) for node in ahead}
    sets = {frozenset(b for b in reach[a] if a in reach[b]) for a in ahead if a in reach[a]}
    return sorted(sorted(each) for each in sets)


class TestDirections:
    def test_every_part_is_in_the_map(self) -> None:
        assert {part_of(module) for module in FILES} - {""} == set(MAY_IMPORT)

    def test_the_map_names_parts_that_exist(self) -> None:
        named = set().union(*MAY_IMPORT.values(), *MAY_USE.values())
        assert {name for name in named if f"{PACKAGE}.{name}" not in FILES} == set()

    @pytest.mark.parametrize("part", MAY_IMPORT)
    def test_parts(self, part: str) -> None:
        allowed = {
            When.IMPORTED: MAY_IMPORT[part],
            When.USED: MAY_IMPORT[part] | MAY_USE[part],
            When.TYPED: MAY_IMPORT[part] | MAY_USE[part],
        }
        against = [
            each
            for each in imports()
            if part_of(each.module) == part
            and is_in(each.imported, PACKAGE)
            and each.imported != PACKAGE
            and not may_import(each.module, each.imported, allowed[each.when])
        ]
        assert against == []

    @pytest.mark.parametrize("part", MAY_IMPORT)
    def test_nothing_is_allowed_in_vain(self, part: str) -> None:
        used = {
            each.imported.removeprefix(f"{PACKAGE}.") for each in imports() if part_of(each.module) == part
        }
        allowed = MAY_IMPORT[part] | MAY_USE[part]
        assert {name for name in allowed if not any(is_in(each, name) for each in used)} == set()

    def test_no_circle(self) -> None:
        """Of modules, imports for types and in functions included."""
        ahead = {module: set[str]() for module in FILES}
        for each in imports():
            if each.imported in FILES and each.imported != each.module:
                # A package's own modules are imported through it.
                ahead[each.module].add(each.imported)
        assert [" -> ".join(circle) for circle in _circles(ahead)] == []

    def test_a_circle_is_found(self) -> None:
        assert _circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]

    @pytest.mark.parametrize("part", MAY_IMPORT)
    def test_other_packages(self, part: str) -> None:
        """Imports for types only are free: they never run."""
        layer = part if part in MAY_IMPORT_OF_OTHERS else part.partition(".")[0]
        at_import = MAY_IMPORT_OF_OTHERS.get(layer, set())
        allowed = {When.IMPORTED: at_import, When.USED: at_import | MAY_USE_OF_OTHERS.get(layer, set())}
        against = [
            each
            for each in imports()
            if part_of(each.module) == part
            and each.when is not When.TYPED
            and not is_in(each.imported, PACKAGE, *allowed[each.when])
            and each.imported.partition(".")[0] not in STANDARD_LIBRARY
        ]
        assert against == []

    def test_the_wait_imports_nothing_by_itself(self) -> None:
        assert FILES[f"{PACKAGE}.waiting"].read_text() == ""

    def test_nothing_else_imports_the_emulator(self) -> None:
        users = {each.module for each in imports() if part_of(each.imported) == "emulator"}
        assert {part_of(module) for module in users} == {"emulator"}

    def test_the_version_imports_nothing(self) -> None:
        assert [each for each in imports() if each.module == PACKAGE] == []

    def test_the_reader_sees_what_there_is(self) -> None:
        """The other tests pass on an empty list, too."""
        sensor, hook = f"{PACKAGE}.sensors.base", f"{PACKAGE}.hooks.snowball"
        assert set(imports()) >= {
            Import(sensor, f"{PACKAGE}.waiting.machine", When.IMPORTED),
            Import(sensor, f"{PACKAGE}.waiting.config", When.IMPORTED),
            Import(sensor, hook, When.USED),
            Import(sensor, hook, When.TYPED),
            Import(hook, "botocore.session", When.IMPORTED),
            Import(f"{PACKAGE}.compat", "airflow.sdk", When.IMPORTED),
            Import(f"{PACKAGE}.compat", "airflow.sdk", When.TYPED),
            Import(f"{PACKAGE}.emulator.rehearsal.plans", f"{PACKAGE}.emulator.api.plan", When.IMPORTED),
            Import(f"{PACKAGE}.emulator", f"{PACKAGE}.emulator.rehearsal.models", When.IMPORTED),
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
    f"{PACKAGE}.compat",
    f"{PACKAGE}.exceptions",
    f"{PACKAGE}.lifecycle",
    f"{PACKAGE}.links",
    f"{PACKAGE}.links.snowball",
    f"{PACKAGE}.operators",
    f"{PACKAGE}.operators.cancel",
    f"{PACKAGE}.operators.create",
    f"{PACKAGE}.operators.snowball",
    f"{PACKAGE}.operators.verify_import",
    f"{PACKAGE}.ordering",
    f"{PACKAGE}.ordering.machine",
    f"{PACKAGE}.ordering.marker",
    f"{PACKAGE}.ordering.text",
    f"{PACKAGE}.sensors",
    f"{PACKAGE}.sensors.base",
    f"{PACKAGE}.sensors.snowball",
    f"{PACKAGE}.sensors.telling",
    f"{PACKAGE}.sensors.trigger_rendering",
    f"{PACKAGE}.validate",
    f"{PACKAGE}.verification",
    f"{PACKAGE}.verification.records",
    f"{PACKAGE}.verification.request",
    f"{PACKAGE}.waiting",
    f"{PACKAGE}.waiting.calls",
    f"{PACKAGE}.waiting.changes",
    f"{PACKAGE}.waiting.closer_look",
    f"{PACKAGE}.waiting.config",
    f"{PACKAGE}.waiting.devices",
    f"{PACKAGE}.waiting.journal",
    f"{PACKAGE}.waiting.machine",
    f"{PACKAGE}.waiting.text",
    f"{PACKAGE}.waiting.time_in_state",
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
from airflow_provider_snowball.operators.cancel import CancelJobOperator
from airflow_provider_snowball.operators.create import CreateJobOperator
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
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
    CreateJobOperator(task_id="order", cluster_id=cluster, description="Tray 6")
    CancelJobOperator(task_id="cancel", job_id="{{ params.job_id }}")
    VerifyImportOperator(task_id="verify", job_ids="{{ params.job_ids }}", manifest="s3://bucket/manifest.csv")
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
        # The werkzeug of MWAA's 2.11.0 and 3.0 is of a time before Python 3.12.
        "-W",
        "ignore:ast.Str is deprecated",
        "-W",
        "ignore:Attribute s is deprecated",
        # Airflow 2.11 warns of this setting's default whenever it is imported; it is nothing of ours.
        AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY="True",
    )
    assert {PACKAGE, *printed.split()} >= set(FILES)
