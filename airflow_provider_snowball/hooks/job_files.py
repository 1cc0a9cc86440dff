"""
Fetch the files that the presigned links of a job lead to.

Whoever has such a link can read the file for an hour. So it is fetched with the standard library, which
logs no addresses (urllib3 and httpx do), and stands in no message and no exception.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL, responses
from pathlib import Path
from typing import IO, TypeVar, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from airflow_provider_snowball.exceptions import SnowballFileError
from airflow_provider_snowball.hooks.redaction import bounded, redacted
from airflow_provider_snowball.verification.records import UnreadableError

__all__ = ["LONGEST_LINE", "bytes_of", "keep", "lines_of", "open_link", "text_of", "understood"]

T = TypeVar("T")
#: Seconds without any byte after which the transfer has failed.
_TIMEOUT = 60.0
#: Bytes of a line of a log or a manifest, its end included; a key has at most 1,024.
LONGEST_LINE = 1 << 20
#: Bytes that are read at once.
_BLOCK = 1 << 16


class _SameOrSafer(HTTPRedirectHandler):
    """Follows redirects, but not from https to anything else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the request to follow with, or refuse."""
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and scheme != req.type:
            raise _RefusedError(f"it redirects from {req.type} to {scheme}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _RefusedError(OSError):
    """A link that is not followed; the text has nothing of it."""


def open_link(
    link: str, what: str, *, verify: bool | str | None = None, proxies: Mapping[str, str] | None = None
) -> HTTPResponse:
    """
    Open a link.

    :param what: what it leads to, for messages: ``the failure log of job JID…``.
    :param verify: as boto3 has it: False, or the path of a CA bundle.
    :param proxies: addresses by scheme; default: those of the environment.
    :raises SnowballFileError: if it cannot be opened, or could be a part without anybody knowing.
    """
    if not link.startswith(("https://", "http://")):
        raise SnowballFileError(f"Cannot read {what}: its link is neither https nor http [SNB507]")
    opener = OpenerDirector()
    try:
        context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
        if verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        # Not urllib's own set, which opens ftp: and file: as well.
        for handler in (
            ProxyHandler(None if proxies is None else dict(proxies)),
            HTTPHandler(),
            HTTPSHandler(context=context),
            HTTPDefaultErrorHandler(),
            HTTPErrorProcessor(),
            _SameOrSafer(),
        ):
            opener.add_handler(handler)
        response = cast("HTTPResponse", opener.open(link, timeout=_TIMEOUT))
        if response.status == HTTPStatus.OK and (response.chunked or response.length is not None):
            return response
        response.close()
        words = f"HTTP {response.status}, and nothing says how long it is: it may be a part"
    except HTTPError as error:
        # Not chained: urllib's exception carries the link. Nor in its own words, which may show a link, too.
        words = f"HTTP {error.code} {responses.get(error.code, '')}".rstrip()
        error.close()
    except (InvalidURL, ValueError):
        words = "its link is malformed"
    except (OSError, HTTPException) as error:
        words = f"{type(error).__name__}: {_shown(getattr(error, 'reason', error), link)}"
    raise SnowballFileError(f"Cannot read {what}: {words}. A link is good for an hour; ask again [SNB507]")


def _shown(words: object, link: str) -> str:
    """Return what may be shown of the words of an exception: nothing of the link."""
    query = urlsplit(link).query
    text = str(words).replace(link, "the link")
    return bounded(redacted(text.replace(query, "***") if query else text))


def text_of(line: bytes) -> str:
    """Return a line for people to read, without its end."""
    return line.decode("utf-8", errors="replace").rstrip("\r\n")


def bytes_of(response: HTTPResponse, what: str) -> bytes:
    """
    Return an answer, all of it.

    :raises SnowballFileError: if it breaks off.
    """
    with closing(response):
        try:
            return response.read()
        except (OSError, HTTPException) as error:
            raise SnowballFileError(f"Cannot read {what}: {type(error).__name__}: {error} [SNB507]") from None


def keep(content: bytes, path: str | os.PathLike[str], what: str) -> None:
    """
    Write a file for its owner alone, whole or not at all.

    :raises SnowballFileError: if it cannot be written.
    """
    target, written = Path(path), None
    try:
        # Of mode 600 from its first moment on.
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".snowball-")
        written = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        written.replace(target)
    except OSError as error:
        if written is not None:
            written.unlink(missing_ok=True)
        words = error.strerror or type(error).__name__
        raise SnowballFileError(f"Cannot write {what} to {target}: {words} [SNB508]") from None


def lines_of(response: HTTPResponse, what: str) -> Iterator[bytes]:
    """
    Yield the lines of an answer as they come.

    :raises SnowballFileError: if the answer breaks off, so that a part is never taken for the whole.
    """
    expected, read = response.length, 0
    with closing(response):
        rest = b""
        try:
            # Not by the response's own lines: of a chunked answer they take an early end for the end.
            while block := response.read(_BLOCK):
                read += len(block)
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield line + b"\n"
                if len(rest) >= LONGEST_LINE:
                    raise SnowballFileError(
                        f"{_capital(what)} has a line of more than {LONGEST_LINE} bytes [SNB507]"
                    )
        except (OSError, HTTPException) as error:
            raise SnowballFileError(
                f"{_capital(what)} broke off: {type(error).__name__}: {bounded(redacted(str(error)))}"
                " [SNB507]"
            ) from None
    # The standard library takes an early end for the end here, too.
    if expected is not None and read < expected:
        raise SnowballFileError(f"{_capital(what)} broke off after {read} of {expected} bytes [SNB507]")
    if rest:
        yield rest


def understood(entries: Iterable[T]) -> Iterator[T]:
    """
    Yield what a file says.

    :raises SnowballFileError: if the file is not understood.
    """
    try:
        yield from entries
    except UnreadableError as error:
        raise SnowballFileError(f"{bounded(redacted(str(error)))} [SNB505]") from None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
