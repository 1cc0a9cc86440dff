"""
Run the tests on the ends of what is supported, each in an environment of its own.

Interpreters are taken from the PATH, or, by absolute path, from ``SNOWBALL_PYTHON_OLDEST`` and
``SNOWBALL_PYTHON_NEWEST``, or from ``SNOWBALL_PYTHON`` for all. What follows ``--`` goes to pytest.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

CHECKOUT = Path(__file__).parent
#: What the tests read of the checkout; the package is not among it, so that they meet the installed one.
READ_BY_TESTS = ("tests", "example_dags", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md")
_WHERE = """
import airflow_provider_snowball as package
assert "site-packages" in package.__file__, package.__file__
print("testing", package.__file__)
"""

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.error_on_external_run = True
# An interpreter that somebody has to provide must not be replaced by one that nobody chose.
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")


def _python(line: str, version: str) -> str:
    return os.environ.get(f"SNOWBALL_PYTHON_{line.upper()}") or os.environ.get("SNOWBALL_PYTHON") or version


def _test(session: nox.Session, *requirements: str) -> None:
    """Run the tests against a wheel of the checkout, beside what ``requirements`` ask for."""
    group = nox.project.dependency_groups(nox.project.load_toml(CHECKOUT / "pyproject.toml"), "test")
    around = Path(session.create_tmp()).resolve()
    wheels, copy = around / "wheels", around / "checkout"
    for folder in (wheels, copy):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(wheels), str(CHECKOUT), silent=True)
    (wheel,) = wheels.glob("*.whl")
    session.install(f"{wheel}[emulator]", *requirements, *group)
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
    selected = ("-m", "not system and not browser", "-n", os.environ.get("WORKERS", "2"))
    session.run("python", "-m", "pytest", *selected, *session.posargs, env=alone)


@nox.session(python=_python("oldest", "3.11"))
def oldest(session: nox.Session) -> None:
    """Test on the oldest of all that the package's metadata allows."""
    _test(
        session,
        "apache-airflow==2.11.0",
        "apache-airflow-providers-amazon==9.8.0",
        # What managed Airflow has beside them.
        "apache-airflow-providers-common-compat==1.7.*",
        "moto==5.1.16",
    )


@nox.session(python=_python("newest", "3.13"))
def newest(session: nox.Session) -> None:
    """Test on the newest of all that there is."""
    _test(session)
