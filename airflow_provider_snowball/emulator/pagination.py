"""
Pages of a listing, with opaque tokens that carry where the next page starts.

Not moto's ``@paginate``: its tokens answer three kinds of damage with three kinds of error, one of
them a crash, while Snowball has one modelled error for all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

from .exceptions import InvalidNextTokenException, ValidationException

__all__ = ["DEFAULT_PAGE_SIZE", "page"]

#: What a page holds if the request does not say; also the most that MaxResults can ask for.
DEFAULT_PAGE_SIZE = 100

T = TypeVar("T")


def page(
    items: Sequence[T], *, listing: str, max_results: int | None, next_token: str | None
) -> tuple[Sequence[T], str | None]:
    """
    Return one page and the token of the next, or None after the last.

    :param listing: names what is listed; a token is good for the listing that gave it out only.
    :raises InvalidNextTokenException: if the token is not one of this listing.
    :raises ValidationException: if ``max_results`` is 0. The service model allows it, but then no
        page would ever hold anything, and a client that follows the tokens would not end.
    """
    if max_results == 0:
        raise ValidationException(
            [
                "Value '0' at 'maxResults' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            ]
        )
    start = 0 if next_token is None else _read(next_token, listing)
    if next_token is not None and start >= len(items):
        raise InvalidNextTokenException
    end = start + (max_results or DEFAULT_PAGE_SIZE)
    return items[start:end], _write(end, listing) if end < len(items) else None


def _write(start: int, listing: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([start, _digest(start, listing)]).encode()).decode()


def _read(token: str, listing: str) -> int:
    try:
        start, _ = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise InvalidNextTokenException from None
    # Compared as a whole: base64 lets some damage pass.
    if not isinstance(start, int) or token != _write(start, listing):
        raise InvalidNextTokenException
    return start


def _digest(start: int, listing: str) -> str:
    """Tie a token to its listing. A checksum against damage, not a signature."""
    return hashlib.sha256(f"{listing} {start}".encode()).hexdigest()[:16]
