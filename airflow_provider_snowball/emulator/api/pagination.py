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

__all__ = ["DEFAULT_PAGE_SIZE", "page", "read_token", "write_token"]

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
    start, given_for = (0, listing) if next_token is None else read_token(next_token)
    if given_for != listing:
        raise InvalidNextTokenException
    # Just behind the last entry, nothing follows.
    if start > len(items):
        raise InvalidNextTokenException
    end = start + (max_results or DEFAULT_PAGE_SIZE)
    return items[start:end], write_token(end, listing) if end < len(items) else None


def write_token(start: int, listing: str) -> str:
    """Return the token of the page of a listing that begins with this entry."""
    content = json.dumps([start, listing, _digest(start, listing)])
    return base64.urlsafe_b64encode(content.encode()).decode()


def read_token(token: str) -> tuple[int, str]:
    """
    Return where a page begins, and of which listing it is.

    :raises InvalidNextTokenException: if no listing gave the token out.
    """
    try:
        start, listing, _ = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise InvalidNextTokenException from None
    # Compared as a whole: base64 lets some damage pass.
    if not isinstance(start, int) or token != write_token(start, listing):
        raise InvalidNextTokenException
    return start, listing


def _digest(start: int, listing: str) -> str:
    """Tie a token to its listing. A checksum against damage, not a signature."""
    return hashlib.sha256(f"{listing} {start}".encode()).hexdigest()[:16]
