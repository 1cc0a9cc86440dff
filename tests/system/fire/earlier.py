"""The package as it was released, for waits that begin with it and meet this one."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

__all__ = ["RELEASED", "earlier_package"]

#: The commit of the newest release.
RELEASED = "6eca7b95c975b18a14512ee3631c664f0183f2bf"
_PACKAGE = "airflow_provider_snowball"


def earlier_package(folder: Path, commit: str | None = None) -> Path | None:
    """
    Return a folder with the package of a commit.

    :param commit: the release's by default; None where there is no clone of the repository that has it.
    :raises RuntimeError: if there is none that has the one that is asked for.
    """
    checkout = _checkout()
    if checkout is None and commit is None:
        return None
    archive = subprocess.run(
        ["git", "archive", "--format=zip", commit or RELEASED, _PACKAGE],
        cwd=checkout,
        capture_output=True,
        check=False,
    )
    if archive.returncode and commit is None:
        return None
    if archive.returncode:
        raise RuntimeError(f"{archive.stderr.decode()}: a shallow clone has no earlier commits")
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as file:
        file.extractall(folder)
    return folder


def _checkout() -> str | None:
    """Return the root of the clone that this file is in, also where it is in a folder below it."""
    done = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None
