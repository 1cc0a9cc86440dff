"""
Fetch the files that the presigned links of a job lead to.

Whoever has such a link can read the file for an hour. So it is fetched with the standard library, which
logs no addresses (urllib3 and httpx do), and stands in no message and no exception.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from airflow_provider_snowball.exceptions import SnowballFileError

__all__ = ["lines_of", "open_link"]

#: Seconds without any byte after which the transfer has failed.
_TIMEOUT = 60.0


def open_link(
    link: str, what: str, *, verify: bool | str | None = None, proxies: Mapping[str, str] | None = None
) -> HTTPResponse:
    """
    Open a link.

    :param what: what it leads to, for messages: ``the failure log of job JID…``.
    :param verify: as boto3 has it: False, or the path of a CA bundle.
    :param proxies: addresses by scheme; default: those of the environment.
    :raises SnowballFileError: if it cannot be opened.
    """
    if not link.startswith(("https://", "http://")):
        raise SnowballFileError(f"Cannot read {what}: its link is neither https nor http")
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    opener = build_opener(
        HTTPSHandler(context=context), ProxyHandler(None if proxies is None else dict(proxies))
    )
    try:
        return cast("HTTPResponse", opener.open(link, timeout=_TIMEOUT))
    except HTTPError as error:
        # Not chained: urllib's exception carries the link.
        words = f"HTTP {error.code} {error.reason}"
        error.close()
    except (OSError, HTTPException) as error:
        words = f"{type(error).__name__}: {getattr(error, 'reason', error)}".replace(link, "the link")
    raise SnowballFileError(f"Cannot read {what}: {words}. A link is good for an hour; ask again")


def lines_of(response: HTTPResponse, what: str) -> Iterator[str]:
    """
    Yield the lines of an answer, without their ends, as they come.

    :raises SnowballFileError: if the answer breaks off, so that a part is never taken for the whole.
    """
    expected = response.length
    read = 0
    with closing(response):
        try:
            for line in response:
                read += len(line)
                yield line.decode("utf-8", errors="replace").rstrip("\r\n")
        except (OSError, HTTPException) as error:
            raise SnowballFileError(f"{_capital(what)} broke off: {type(error).__name__}: {error}") from None
    # The standard library takes an early end for the end when it reads by lines.
    if expected is not None and read < expected:
        raise SnowballFileError(f"{_capital(what)} broke off after {read} of {expected} bytes")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
