"""
A throw-away Airflow for each process, and an environment without anybody's AWS settings.

pytest-xdist's workers inherit the environment of the process that starts them: each makes it anew.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# Airflow reads its settings when it is first imported, which collection does: set them before that.
for name in [name for name in os.environ if name.startswith(("AWS_", "AIRFLOW"))]:
    del os.environ[name]
_HOME = Path(tempfile.mkdtemp(prefix="snowball-airflow-"))
os.environ |= {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(_HOME / "dags"),
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "True",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    # No credentials but those that a test names: not a profile's, not a machine's role.
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
(_HOME / "dags").mkdir()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the browser tests make the pictures of the docs, and a fire be repeated."""
    parser.addoption("--pictures", metavar="DIR", type=Path, help="where browser tests put screenshots")
    parser.addoption(
        "--fire-seed", metavar="N", type=int, help="what a fire leaves to chance follows from it"
    )
    parser.addoption(
        "--fire-times", metavar="N", type=int, default=1, help="fire at so many times a hundred waits"
    )
    parser.addoption(
        "--fire-celery", action="store_true", help="fire at Celery's workers (group celery, redis-server)"
    )
    parser.addoption("--fire-more", action="store_true", help="fire at waits that tell of changes, too")
    parser.addoption(
        "--upgrade-from", metavar="COMMIT", help="whose package waits begin with, in place of the release"
    )
    parser.addoption("--fire-results", metavar="FILE", type=Path, help="where a row for each fire is added")


def pytest_unconfigure() -> None:
    """Remove the throw-away Airflow."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the database of the throw-away Airflow: a copy of one that all workers of this session share."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    template = shared / "migrated.db"
    with (shared / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            # Its lines tell why, where it fails.
            subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, text=True)
            shutil.copy(_HOME / "airflow.db", template)
    shutil.copy(template, _HOME / "airflow.db")
    return _HOME
