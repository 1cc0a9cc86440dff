"""``snowball-emulator``, or this package run by ``python -m``: a local Snowball until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence

from moto.core import DEFAULT_ACCOUNT_ID

from . import snowball_backends
from .control import PREFIX
from .examples import order
from .rehearsal.clock import parse_speed
from .server import SnowballServer

log = logging.getLogger(__name__)


def _speed(text: str) -> float:
    try:
        return parse_speed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number of 0 or more is needed; got {text!r}")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """
    Serve until a signal ends it.

    The first line of stdout is the endpoint's URL and nothing else. What was ordered and each
    transition are logged to stderr.
    """
    parser = argparse.ArgumentParser(
        prog="snowball-emulator",
        description="A local AWS Snowball whose jobs walk through their lifecycle on an accelerated clock.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="what to bind (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0, the default, picks a free one")
    parser.add_argument(
        "--speed",
        type=_speed,
        default="1d/s",
        help="simulated time per second, such as 1d/s, 6h/s or a number of seconds (default: %(default)s)",
    )
    for name, what in (
        ("clusters", "clusters of five nodes"),
        ("imports", "import jobs"),
        ("exports", "export jobs"),
    ):
        parser.add_argument(
            f"--{name}", type=_count, default=0, metavar="N", help=f"order N example {what} (default: 0)"
        )
    parser.add_argument(
        "--region", default="us-east-1", help="where the examples are ordered (default: %(default)s)"
    )
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="go on with the rehearsal in FILE, and keep it there; examples are ordered if it is new",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let --host be other than loopback; nothing is authenticated",
    )
    options = parser.parse_args(argv)
    if options.region not in snowball_backends[DEFAULT_ACCOUNT_ID]:
        parser.error(f"{options.region} is no region")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        server = SnowballServer(
            host=options.host,
            port=options.port,
            speed=options.speed,
            allow_remote=options.allow_remote,
            state=options.state,
        )
    except ValueError as error:
        parser.error(str(error).replace("allow_remote=True", "--allow-remote"))

    try:
        server.start()
    except ModuleNotFoundError as error:
        parser.exit(1, f"{error}\n")
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    except OSError as error:
        what = f"Cannot keep {error.filename}" if error.filename else f"Cannot serve at {server.endpoint_url}"
        parser.exit(1, f"{what}: {error.strerror}\n")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        backend = snowball_backends[DEFAULT_ACCOUNT_ID][options.region]
        wanted = {"clusters": options.clusters, "imports": options.imports, "exports": options.exports}
        for line in () if server.resumed else order(backend, **wanted):
            log.info("Ordered in %s: %s", options.region, line)
        server.keep()
        log.info("Page and control: %s%s", server.endpoint_url, PREFIX)
        sys.stdout.write(f"{server.endpoint_url}\n")
        sys.stdout.flush()
        ended.wait()
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
