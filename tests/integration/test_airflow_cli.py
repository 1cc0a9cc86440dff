"""What the ``airflow`` command says of the installed package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_snowball import __version__
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
