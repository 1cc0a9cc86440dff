"""A throw-away Airflow, and an environment without anybody's AWS settings."""

from __future__ import annotations

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
    """Let the browser tests make the pictures of the docs."""
    parser.addoption("--pictures", metavar="DIR", type=Path, help="where browser tests put screenshots")


def pytest_unconfigure() -> None:
    """Remove the throw-away Airflow."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Make the database of the throw-away Airflow."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
    return _HOME
