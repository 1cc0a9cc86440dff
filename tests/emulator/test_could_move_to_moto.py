"""The API in a package of moto's own, with nothing of ours beside it: its tests pass there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_api_in_a_moto_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.emulator.moto_scratch", str(tmp_path / "there")],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-3000:]
    passed = re.search(r"^(\d+) passed\b", done.stdout, re.MULTILINE)
    assert passed, done.stdout[-2000:]
    # It was not an empty folder.
    assert int(passed[1]) > 100
