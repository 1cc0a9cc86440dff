"""What is said of an answer that ends before its Content-Length."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import botocore.httpsession

__all__ = ["BROKE_OFF", "OF_OURS"]

#: Whether our own check says it. On urllib3 2, botocore did until it told urllib3 not to look.
OF_OURS = version("urllib3").startswith("1.") or "enforce_content_length" in inspect.getsource(
    botocore.httpsession
)
BROKE_OFF = "it broke off after" if OF_OURS else "Connection was closed before we received a valid response"
