"""What the ``airflow`` command says of the installed package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_snowball import __version__
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.installed import NAME, is_installed

pytestmark = pytest.mark.skipif(not is_installed(), reason="the package is on the path, but not installed")


def airflow(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def rows(*arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(airflow(*arguments, "--output", "json")))


def test_the_provider_is_listed(airflow_home: Path) -> None:
    [row] = [row for row in rows("providers", "list") if row["package_name"] == NAME]
    assert row["version"] == __version__


def test_its_triggers_are_listed(airflow_home: Path) -> None:
    listed = {row["class"] for row in rows("providers", "triggers") if row["package_name"] == NAME}
    assert listed == {
        "airflow_provider_snowball.triggers.pause",
        "airflow_provider_snowball.triggers.snowball",
        "airflow_provider_snowball.triggers.watching",
    }


def test_its_connection_type_is_listed(airflow_home: Path) -> None:
    [row] = [row for row in rows("providers", "hooks") if row["package_name"] == NAME]
    assert row == {
        "connection_type": "snowball",
        "class": "airflow_provider_snowball.hooks.snowball.SnowballHook",
        "conn_id_attribute_name": "aws_conn_id",
        "package_name": NAME,
        "hook_name": "AWS Snowball",
    }


def test_its_settings_are_known(airflow_home: Path) -> None:
    assert airflow("config", "get-value", "snowball", "poke_interval").split() == ["900"]
    assert airflow("config", "get-value", "snowball", "max_calls_per_second").split() == ["20"]


DAG_THAT_ORDERS = """
from datetime import datetime

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG
from airflow_provider_snowball.operators.create import CreateJobOperator

with DAG("orders", start_date=datetime(2026, 1, 1), schedule=None):
    CreateJobOperator(
        task_id="order",
        submit=True,
        job_type="IMPORT",
        address_id="ADID123e4567-e89b-12d3-a456-426655440000",
        shipping_option="EXPRESS",
        role_arn="arn:aws:iam::123456789012:role/importer",
        s3_resources=[{"BucketArn": "arn:aws:s3:::archive"}],
    )
"""


def test_no_order_comes_from_a_test_of_a_task(
    airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever Airflow takes for the first try of it."""
    (tmp_path / "orders.py").write_text(DAG_THAT_ORDERS)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__SNOWBALL__ALLOW_ORDERS", "True")
    # Nobody is asked whether it may be: the order ends before.
    with SnowballServer() as server:
        extra = {"region_name": "us-east-1", "endpoint_url": server.endpoint_url}
        connection = {"conn_type": "aws", "login": "any", "password": "any", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "tasks", "test", "orders", "order"],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    printed = done.stdout + done.stderr
    assert "each of which would be a device more; trigger the DAG [SNB611]" in printed, printed[-3000:]
