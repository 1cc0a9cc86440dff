"""What the README shows is what is in the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_its_dag_is_the_example() -> None:
    example = (ROOT / "example_dags" / "example_snowball_cluster_jobs.py").read_text()
    block = example.split("# [START howto_snowball_cluster_jobs]\n")[1].split("# [END")[0]
    assert f"```python\n{block}```" in (ROOT / "README.md").read_text()
