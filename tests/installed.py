"""Whether the package is installed, not just on the path: Airflow reads no other metadata."""

from __future__ import annotations

import importlib.metadata

__all__ = ["NAME", "is_installed"]

NAME = "airflow-provider-snowball"


def is_installed() -> bool:
    """Tell whether it is."""
    try:
        importlib.metadata.distribution(NAME)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
