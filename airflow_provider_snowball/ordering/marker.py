"""
What tells an order from all others: a few characters at the end of its Description.

AWS takes no token with an order. Its Description is the only text of a caller's choice that listings have.
"""

from __future__ import annotations

import hashlib
import json
import re

from airflow_provider_snowball.lifecycle import ArgumentError

__all__ = ["LONGEST_DESCRIPTION", "described", "is_marked", "marker_of"]

#: Characters of a Description, marker included.
LONGEST_DESCRIPTION = 1024
#: Of 16 hexadecimal digits, a million orders have two alike with a probability of 3e-8.
_DIGITS = 16
_MARKER = re.compile(rf"\[af-[0-9a-f]{{{_DIGITS}}}\]")


def marker_of(dag_id: str, task_id: str, run_id: str, key: str) -> str:
    """
    Return the marker of an order, such as ``[af-0123456789abcdef]``: the same in each try of a task instance.

    :param key: what tells the orders of one task and run apart: the map index, or an idempotency key.
    """
    text = json.dumps([dag_id, task_id, run_id, key])
    return f"[af-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}]"


def described(description: str | None, marker: str) -> str:
    """
    Return the Description of an order.

    :param description: what people are to read; the marker follows it.
    :raises ArgumentError: if it does not fit, or has a marker already.
    """
    if description is None:
        return marker
    if _MARKER.search(description):
        raise ArgumentError(
            f"description must not have what looks like a marker of an order; got {description!r} [SNB114]"
        )
    found = f"{description} {marker}"
    if not description.strip() or not found.isprintable() or len(found) > LONGEST_DESCRIPTION:
        longest = LONGEST_DESCRIPTION - len(marker) - 1
        raise ArgumentError(
            f"description must be a line of 1 to {longest} characters; got {description!r} [SNB114]"
        )
    return found


def is_marked(description: str | None, marker: str) -> bool:
    """
    Tell whether a Description is that of an order with this marker.

    At its end only: a job that somebody has cloned in the console has ``-clone-1`` there, and is another.
    """
    return (description or "").endswith(marker)
