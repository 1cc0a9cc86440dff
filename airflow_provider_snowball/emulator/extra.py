"""What becomes of this package where its extra is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["is_command", "not_installed"]


def not_installed(name: str | None) -> str:
    """Say that a module of the extra is missing, and how to get it."""
    return (
        f"The local Snowball is built on moto, and {name} is not installed: "
        'pip install "airflow-provider-snowball[emulator]"'
    )


def is_command() -> bool:
    """Tell whether this process is ``snowball-emulator``, or a ``python -m`` that still looks for it."""
    started = sys.argv[0] if sys.argv else ""
    names = {__package__, f"{__package__}.__main__"}
    return Path(started).stem == "snowball-emulator" or (
        started == "-m" and any(word.removeprefix("-m") in names for word in sys.orig_argv)
    )
