"""
Run the tests on each supported line of Airflow, in an environment of its own.

``nox --session oldest``, ``newest`` and so on, ``nox --tag lines`` for all. Interpreters are taken from the
PATH, or, by absolute path, from ``SNOWBALL_PYTHON_3_12`` and the like. What follows ``--`` goes to pytest,
and then no result is noted. ``SNOWBALL_SYSTEM=0`` leaves out the tests that start Airflow's own processes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nox

CHECKOUT = Path(__file__).parent
LINES = CHECKOUT / "tests" / "lines"
#: What the tests read of the checkout; the package is not among it, so that they meet the installed one.
READ_BY_TESTS = (
    ".github",
    "tests",
    "example_dags",
    "docs",
    "benchmarks",
    "pyproject.toml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
)
_WHERE = """
import airflow_provider_snowball as package
assert "site-packages" in package.__file__, package.__file__
print("testing", package.__file__)
"""

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
# An interpreter that somebody has to provide must not be replaced by one that nobody chose.
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")


@dataclass(frozen=True)
class Line:
    """
    A set of packages that users run.

    :param packages: whose choice they are, as the README calls it.
    :param requirements: what is asked for beside the package and its tests.
    :param pinned: whether Amazon MWAA's pins hold, which are in tests/lines.
    :param warns: whether Airflow itself uses what its packages warn of; elsewhere, a warning is an error.
    """

    name: str
    python: str
    packages: str
    requirements: tuple[str, ...]
    pinned: bool = False
    warns: bool = False


def _of_mwaa(airflow: str) -> Line:
    # The plugin of the anyio that is pinned is for this pytest.
    requirements = (f"apache-airflow=={airflow}", "pytest<9")
    return Line(f"mwaa-{airflow}", "3.12", "Amazon MWAA's", requirements, pinned=True, warns=True)


ALL = (
    Line(
        "oldest",
        "3.11",
        "the oldest allowed",
        (
            "apache-airflow==2.11.0",
            "apache-airflow-providers-amazon==9.8.0",
            # What managed Airflow has beside them.
            "apache-airflow-providers-common-compat==1.7.*",
            "boto3==1.37.2",
            "flask==2.2.5",
            "flask-cors==3.0.10",
            "moto==5.1.16",
        ),
    ),
    *map(_of_mwaa, ("2.11.0", "2.11.2", "3.0.6", "3.2.1", "3.3.1")),
    Line("airflow-3.1", "3.12", "the newest of 3.1", ("apache-airflow==3.1.*",), warns=True),
    Line("newest", "3.13", "the newest of all", ()),
)


def _session_of(line: Line) -> Callable[[nox.Session], None]:
    def test(session: nox.Session) -> None:
        _test(session, line)

    test.__name__ = line.name
    test.__doc__ = f"Test on {line.packages} packages, {', '.join(line.requirements) or 'whatever they are'}."
    return test


def _python(version: str) -> str:
    return os.environ.get(f"SNOWBALL_PYTHON_{version.replace('.', '_')}") or version


for _line in ALL:
    nox.session(name=_line.name, python=_python(_line.python), tags=["lines"])(_session_of(_line))


@nox.session(python=_python("3.10"), tags=["lines"])
def api(session: nox.Session) -> None:
    """Test the emulator's API as a service of moto, on moto's oldest Python and with nothing else."""
    session.install("moto>=5.1.16,<6", "pytest")
    there = Path(session.create_tmp()) / "there"
    shutil.rmtree(there, ignore_errors=True)
    session.run("python", "-m", "tests.emulator.moto_scratch", str(there))


def _test(session: nox.Session, line: Line) -> None:
    """Run the tests against a wheel of the checkout, and note what they came to."""
    group = nox.project.dependency_groups(nox.project.load_toml(CHECKOUT / "pyproject.toml"), "test")
    around = Path(session.create_tmp()).resolve()
    wheels, copy, reports = (around / name for name in ("wheels", "checkout", "reports"))
    for folder in (wheels, copy, reports):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(wheels), str(CHECKOUT), silent=True)
    (wheel,) = wheels.glob("*.whl")
    pins = ("--constraint", str(LINES / f"{line.name}.txt")) if line.pinned else ()
    session.install(f"{wheel}[emulator]", *line.requirements, *group, *pins)
    # An environment that is used again may have an earlier wheel of the same version.
    session.install("--force-reinstall", "--no-deps", str(wheel))
    for name in READ_BY_TESTS:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    session.chdir(copy)
    alone = {"PYTHONPATH": None}
    session.run("python", "-c", _WHERE, env=alone)
    warnings = ("-W", "ignore::DeprecationWarning") if line.warns else ()
    workers = ("-n", os.environ.get("WORKERS", "2"))
    runs: list[tuple[str, ...]] = [("-m", "not system and not browser", *workers, "--dist", "worksteal")]
    if os.environ.get("SNOWBALL_SYSTEM") != "0":
        # As in the Makefile: what only waits is run two at a time.
        by_file = ("--dist", "loadfile", "--no-loadscope-reorder")
        runs.append(("-m", "(system or browser) and not alone", *workers, *by_file))
        runs.append(("-m", "alone"))
    if session.posargs:
        _test_some(session, [(*warnings, *selected) for selected in runs], reports)
        return
    for number, selected in enumerate(runs):
        # Noted are the results, not that all is well: a test that fails is a row of the table, too.
        report = f"--junit-xml={reports / f'{number}.xml'}"
        session.run("python", "-m", "pytest", *warnings, *selected, report, env=alone, success_codes=[0, 1])
    results = (
        "python",
        "-m",
        "tests.lines.results",
        str(LINES / "results.json"),
        str(CHECKOUT / "README.md"),
    )
    session.run(*results, line.name, line.packages, *map(str, sorted(reports.iterdir())), env=alone)


def _test_some(session: nox.Session, runs: Sequence[Sequence[str]], reports: Path) -> None:
    """Run what is asked for, of whichever kind: there need not be any of each."""
    selected = 0
    for number, options in enumerate(runs):
        report = reports / f"{number}.xml"
        pytest = ("python", "-m", "pytest", *options, f"--junit-xml={report}", *session.posargs)
        session.run(*pytest, env={"PYTHONPATH": None}, success_codes=[0, 5])
        selected += sum(map(int, re.findall(r'<testsuite .*?tests="(\d+)"', report.read_text())))
    if not selected:
        session.error(f"no test is selected by {' '.join(session.posargs)}")
