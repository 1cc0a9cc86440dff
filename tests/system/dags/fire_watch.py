"""Watchers of the clusters in ``fire_watch.json``: three assets each, two of them with equal watchers."""

from __future__ import annotations

import json
from datetime import datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_snowball.triggers.watching import SnowballJobsEventTrigger

KINDS: dict[str, dict[str, Any]] = {"each": {}, "twin": {}, "all": {"fire": "all", "min_jobs": 5}}
CLUSTERS = json.loads(Path(__file__).with_suffix(".json").read_text())


def watched(cluster: str, kind: str) -> Asset:
    trigger = SnowballJobsEventTrigger(
        cluster_id=cluster, target_state="WithCustomer", aws_conn_id="fire", poke_interval=5, **KINDS[kind]
    )
    return Asset(f"{kind} {cluster}", watchers=[AssetWatcher(name=f"{kind}_{cluster}", trigger=trigger)])


assets = [watched(cluster, kind) for cluster in CLUSTERS for kind in KINDS]

with DAG(
    "on_any_device",
    # No cluster is left in the end.
    schedule=reduce(or_, assets) if assets else None,
    start_date=datetime(2026, 1, 1),
    is_paused_upon_creation=False,
):
    EmptyOperator(task_id="nothing")
