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

__all__ = ["DEFAULT_PAGE_SIZE", "page", "shifted"]

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
    start, given_for = (0, listing) if next_token is None else _read(next_token)
    if given_for != listing:
        raise InvalidNextTokenException
    # Just behind the last entry is where a shifted listing can lead.
    if start > len(items):
        raise InvalidNextTokenException
    end = start + (max_results or DEFAULT_PAGE_SIZE)
    return items[start:end], _write(end, listing) if end < len(items) else None


def shifted(token: str, by: int) -> str:
    """
    Return a token that leads ``by`` entries further into the same listing; below zero, back.

    :raises InvalidNextTokenException: if the token is none.
    """
    start, listing = _read(token)
    return _write(max(start + by, 0), listing)


def _write(start: int, listing: str) -> str:
    content = json.dumps([start, listing, _digest(start, listing)])
    return base64.urlsafe_b64encode(content.encode()).decode()


def _read(token: str) -> tuple[int, str]:
    try:
        start, listing, _ = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise InvalidNextTokenException from None
    # Compared as a whole: base64 lets some damage pass.
    if not isinstance(start, int) or token != _write(start, listing):
        raise InvalidNextTokenException
    return start, listing


def _digest(start: int, listing: str) -> str:
    """Tie a token to its listing. A checksum against damage, not a signature."""
    return hashlib.sha256(f"{listing} {start}".encode()).hexdigest()[:16]
