"""
Draw the states of each job type, from ``lifecycle.PATHS``: ``python docs/_ext/state_picture.py``.

Writes ``docs/images/states.svg``, which a test holds against the code.
"""

from __future__ import annotations

from pathlib import Path

from airflow_provider_snowball.lifecycle import PATHS, JobState, JobType

__all__ = ["PICTURE", "draw"]

PICTURE = Path(__file__).parents[1] / "images" / "states.svg"

_COLUMN, _ROW, _WIDTH, _HEIGHT = 250, 44, 220, 30
_LEFT, _TOP = 20, 66
#: Where the device is, with the colour of it; the states of each.
_PLACES = {
    "ordered": ("#eceff1", {JobState.NEW, JobState.LISTING, JobState.PENDING}),
    "at AWS": (
        "#e3e6f5",
        {
            JobState.PREPARING_APPLIANCE,
            JobState.PREPARING_SHIPMENT,
            JobState.WITH_AWS_SORTING_FACILITY,
            JobState.WITH_AWS,
            JobState.IN_PROGRESS,
        },
    ),
    "on the road": ("#fff3d6", {JobState.IN_TRANSIT_TO_CUSTOMER, JobState.IN_TRANSIT_TO_AWS}),
    "with you": ("#d6f0e0", {JobState.WITH_CUSTOMER}),
    "AWS is done with the job": ("#cfe3ff", {JobState.COMPLETE}),
}
_TITLES = {
    JobType.IMPORT: "IMPORT: data into S3",
    JobType.LOCAL_USE: "LOCAL_USE: a cluster's jobs",
    JobType.EXPORT: "EXPORT: data out of S3",
}


def draw() -> str:
    """Return the picture as SVG."""
    rows = max(map(len, PATHS.values()))
    width = 2 * _LEFT + _COLUMN * len(PATHS) - (_COLUMN - _WIDTH)
    bottom = _TOP + rows * _ROW
    height = bottom + 24 * len(_PLACES) + 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        ' font-family="sans-serif" font-size="14" fill="#1b1f23" role="img" aria-labelledby="t d">',
        '<title id="t">The states of a job, in their order, by job type</title>',
        f'<desc id="d">{" ".join(_sentence(kind) for kind in PATHS)}</desc>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (kind, path) in enumerate(PATHS.items()):
        x = _LEFT + number * _COLUMN
        middle = x + _WIDTH // 2
        parts.append(
            f'<text x="{middle}" y="40" text-anchor="middle" font-weight="bold">{_TITLES[kind]}</text>'
        )
        for row, state in enumerate(path):
            y = _TOP + row * _ROW
            if row:
                parts.append(f'<path d="M{middle} {y - _ROW + _HEIGHT}V{y}" stroke="#6a737d"/>')
            parts.append(
                f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" fill="{_colour(state)}"'
                ' stroke="#6a737d"/>'
            )
            parts.append(f'<text x="{middle}" y="{y + 20}" text-anchor="middle">{state}</text>')
    for number, (place, (colour, _)) in enumerate(_PLACES.items()):
        y = bottom + 10 + 24 * number
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="28" height="16" fill="{colour}" stroke="#6a737d"/>')
        parts.append(f'<text x="{_LEFT + 38}" y="{y + 13}">{place}</text>')
    parts.append(
        f'<text x="{_LEFT}" y="{height - 14}">A job may become Cancelled; that state is on no path.</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _colour(state: JobState) -> str:
    return next(colour for colour, states in _PLACES.values() if state in states)


def _sentence(kind: JobType) -> str:
    return f"{kind}: {', '.join(PATHS[kind])}."


if __name__ == "__main__":
    PICTURE.write_text(draw())
