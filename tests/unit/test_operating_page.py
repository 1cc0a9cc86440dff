"""The alerts of docs/operating_waits.md: each of a metric that there is, and each told of in the page."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # a dependency of moto and Airflow, without types here

DOCS = Path(__file__).parents[2] / "docs"
RULES = DOCS / "prometheus_rules.yml"
NAMES = (Path(__file__).with_name("public_names.txt")).read_text()


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_is_about_a_metric(rule: dict[str, Any]) -> None:
    [name] = re.findall(r"airflow_(\w+)", rule["expr"])
    if name.startswith("triggerer_"):
        # Airflow's own.
        assert name == "triggerer_capacity_left_"
        return
    metrics = {each.replace(".", "_") for each in re.findall(r"^snowball\.\S+$", NAMES, re.MULTILINE)}
    assert any(metric == name or (name.endswith("_") and metric.startswith(name)) for metric in metrics)


def test_the_page_tells_of_each_alert() -> None:
    page = (DOCS / "operating_waits.md").read_text()
    assert set(re.findall(r"^\| `(Snowball\w+)` \|", page, re.MULTILINE)) == {
        rule["alert"] for rule in rules()
    }


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
def test_prometheus_takes_them() -> None:
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
