"""
The control endpoints of the server: the clock, what becomes of each job, and a page for all of it.

They are described in :mod:`.server`.
"""

from __future__ import annotations

import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound, UnsupportedMediaType
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from . import cbor
from .api.clusters import Cluster
from .api.jobs import Job
from .rehearsal import links
from .rehearsal.clock import parse_duration
from .rehearsal.documents import fetch
from .rehearsal.models import (
    SnowballBackend,
    all_backends,
    announcer,
    snowball_backends,
    snowball_clock,
    snowball_faults,
)
from .rehearsal.responses import RESET_HEADER
from .wire import JSON, TARGET, WireError, check, check_region

__all__ = ["JOB_CHANGES", "PREFIX", "ConnectionReset", "is_loopback", "with_control"]

PREFIX = "/_snowball/"
#: In each answer, so that whoever asks can tell that it is no AWS.
LOCAL_HEADER = "X-Snowball-Local"
_JSON = "application/json"
_PAGE = Path(__file__).with_name("page")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_REQUEST_ID = "x-amzn-requestid"
_USUAL_REGION = "us-east-1"
#: A Host header: an IPv6 address in brackets, or another address or a name; with a port or without.
_HOST = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::\d*)?")

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ConnectionReset(ConnectionResetError):
    """Raised in place of an answer: a fault wants the connection reset."""


def with_control(app: Wsgi, snowball: Wsgi, bound_to: str) -> Wsgi:
    """
    Serve the control endpoints and the files behind links besides moto's services.

    :param app: all of moto's services. It finds out which one is meant at a cost: it looks through
        moto's folder for each request.
    :param snowball: this one alone, which says so in each request.
    :param bound_to: the host at which all of it is served.
    """

    def unless_reset(start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if any(name == RESET_HEADER for name, _ in headers):
                raise ConnectionReset
            kept = [(name, value) for name, value in headers if name.lower() != _REQUEST_ID]
            more_headers = [(LOCAL_HEADER, "1"), (_REQUEST_ID, str(uuid.uuid4()))]
            return start_response(status, [*kept, *more_headers], *more)

        return start

    def answer(environ: dict[str, Any], start_response: Any, operation: str) -> Iterable[bytes]:
        """Answer a request in JSON."""
        try:
            check(environ, operation)
        except WireError as error:
            return _refused(error, start_response)
        return snowball(environ, start_response)

    def answer_in_cbor(environ: dict[str, Any], start_response: Any, operation: str) -> Iterable[bytes]:
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            started[:] = [status, headers]

        try:
            cbor.as_json(environ, operation)
        except WireError as error:
            text = _refused(error, start)
        else:
            text = answer(environ, start, operation)
        status, headers = started
        body = cbor.as_cbor(text, operation, is_error=not status.startswith("2"))
        kept = [each for each in headers if each[0].lower() not in ("content-type", "content-length")]
        kept += [("Content-Type", cbor.CBOR), ("Content-Length", str(len(body)))]
        start_response(status, [*kept, ("smithy-protocol", "rpc-v2-cbor")])
        return [body]

    def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        if target.startswith(TARGET):
            return answer(environ, unless_reset(start_response), target.removeprefix(TARGET))
        if found := cbor.PATH.fullmatch(path):
            return answer_in_cbor(environ, unless_reset(start_response), found["operation"])
        if path == PREFIX.rstrip("/"):
            return redirect(PREFIX, 308)(environ, start_response)
        if not path.startswith(PREFIX):
            return app(environ, start_response)
        request = Request(environ)
        is_file = path.startswith(links.PATH)
        response = _respond_with_file(request) if is_file else _respond(request, bound_to)
        return response(environ, start_response)

    return dispatch


def _refused(error: WireError, start_response: Any) -> Iterable[bytes]:
    body = json.dumps({"__type": error.code, "message": str(error)}).encode()
    start_response("400 BAD REQUEST", [("Content-Type", JSON), ("Content-Length", str(len(body)))])
    return [body]


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the host, an address or a name."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _respond(request: Request, bound_to: str) -> Response:
    try:
        _refuse_other_hosts(request.headers.get("Host", ""), bound_to)
        handle, values = _ROUTES.bind_to_environ(request.environ).match()
        if request.method == "POST":
            values = {**values, "body": _body(request)}
        status, answer = 200, handle(**values)
        if isinstance(answer, Response):
            return answer
        announcer.announce()
    except HTTPException as error:
        status, answer = error.code or 500, {"error": error.description}
    except ServiceException as error:
        status, answer = 404, {"error": error.message}
    except (TypeError, ValueError) as error:
        status, answer = 400, {"error": str(error)}
    return Response(json.dumps(answer), status, content_type=_JSON)


def _respond_with_file(request: Request) -> Response:
    status, headers, body = fetch(request.method, request.url)
    return Response(body, status, headers)


def _refuse_other_hosts(header: str, bound_to: str) -> None:
    """
    Take requests for loopback and for what the server is bound to.

    A web page reaches this server by a name of its own that it lets point here, and then counts as
    this server's own for the browser.
    """
    match = _HOST.fullmatch(header)
    host = (match["address"] or match["name"]).lower() if match else ""
    address, bound = _address(host), _address(bound_to)
    # Bound to every address it cannot know which of them, or of a router before it, is asked for; a
    # name can be anybody's, an address cannot.
    everywhere = bound.is_unspecified if bound else not bound_to
    same = address == bound if bound else host == bound_to.lower()
    if not host or not (is_loopback(host) or same or (everywhere and address)):
        served = "any IP address" if everywhere else bound_to
        raise Forbidden(f"The Host must be loopback or {served}, which this serves; got {header!r}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _body(request: Request) -> dict[str, Any]:
    # A web page may send other types to any server, and this one only to a server that agrees.
    if request.mimetype != _JSON:
        raise UnsupportedMediaType(
            f"A POST takes the header Content-Type: {_JSON}; got {request.content_type or 'none'}"
        )
    body = json.loads(request.get_data() or b"{}")
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object")
    return body


def _only(body: dict[str, Any], *names: str) -> None:
    unknown = sorted(set(body) - set(names))
    if unknown or not body:
        raise BadRequest(f"The body takes {', '.join(names)}; got {', '.join(unknown) or 'none of them'}")


def _get_page(name: str = "index.html") -> Response:
    """Return a file of the page, which asks these endpoints and nobody else."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
    return Response((_PAGE / name).read_bytes(), headers=headers, content_type=_TYPES[Path(name).suffix])


def _get_clock() -> dict[str, Any]:
    clock = snowball_clock
    return {"now": clock.now(), "speed": clock.speed, "paused": clock.paused}


def _set_clock(body: dict[str, Any]) -> dict[str, Any]:
    _only(body, "speed", "paused", "jump")
    if not isinstance(body.get("paused", False), bool):
        raise BadRequest(f"paused is true or false; got {body['paused']!r}")
    if "jump" in body:
        # Before anything is done.
        parse_duration(body["jump"])
    if "speed" in body:
        snowball_clock.set_speed(body["speed"], paused=body.get("paused", False))
    if "paused" in body:
        (snowball_clock.pause if body["paused"] else snowball_clock.resume)()
    if "jump" in body:
        snowball_clock.jump(body["jump"])
    return _get_clock()


def _get_jobs() -> dict[str, Any]:
    return {"jobs": [_described(b, job) for b in all_backends() for job in b.known_jobs()]}


def _get_job(job_id: str) -> dict[str, Any]:
    return _described(*_find_job(job_id))


def _set_job(job_id: str, body: dict[str, Any]) -> dict[str, Any]:
    _only(body, *JOB_CHANGES)
    if len(body) != 1:
        raise BadRequest(f"The body takes one of {', '.join(JOB_CHANGES)}")
    backend, job = _find_job(job_id)
    ((change, value),) = body.items()
    JOB_CHANGES[change](backend, job_id, value)
    return _described(backend, job)


def _get_clusters() -> dict[str, Any]:
    now = snowball_clock.now()
    return {
        "clusters": [
            {
                "cluster_id": cluster.cluster_id,
                "name": cluster.description or cluster.cluster_id,
                "account": backend.account_id,
                "region": backend.region_name,
                "state": cluster.state(now),
                "job_ids": [job.job_id for job in cluster.jobs],
            }
            for backend in all_backends()
            for cluster in list(backend.clusters.values())
        ]
    }


def _add_jobs(cluster_id: str, body: dict[str, Any]) -> dict[str, Any]:
    _only(body, "count")
    backend, _ = _find_cluster(cluster_id)
    return {"job_ids": backend.add_jobs(cluster_id, int(body["count"]))}


def _get_limits() -> dict[str, Any]:
    return {
        "limits": [
            {"account": backend.account_id, "region": backend.region_name, "limit": backend.device_limit}
            for backend in all_backends()
        ]
    }


def _set_limit(body: dict[str, Any]) -> dict[str, Any]:
    _only(body, "account", "region", "limit")
    account, region = body.get("account", DEFAULT_ACCOUNT_ID), body.get("region", _USUAL_REGION)
    check_region(region)
    snowball_backends[account][region].set_device_limit(body.get("limit"))
    return _get_limits()


def _get_faults() -> dict[str, Any]:
    return {"faults": [fault.described() for fault in snowball_faults.list()]}


def _add_fault(body: dict[str, Any]) -> dict[str, Any]:
    check_region(body.get("region_name") or _USUAL_REGION)
    return snowball_faults.add(**body).described()


def _clear_faults() -> dict[str, Any]:
    snowball_faults.clear()
    return _get_faults()


def _remove_fault(number: int) -> dict[str, Any]:
    snowball_faults.remove(number)
    return _get_faults()


def _find_job(job_id: str) -> tuple[SnowballBackend, Job]:
    for backend in all_backends():
        if job_id in backend.jobs:
            return backend, backend.jobs[job_id]
    raise NotFound(f"No job {job_id} in any account and region")


def _find_cluster(cluster_id: str) -> tuple[SnowballBackend, Cluster]:
    for backend in all_backends():
        if cluster_id in backend.clusters:
            return backend, backend.clusters[cluster_id]
    raise NotFound(f"No cluster {cluster_id} in any account and region")


def _described(backend: SnowballBackend, job: Job) -> dict[str, Any]:
    now = snowball_clock.now()
    return {
        "job_id": job.job_id,
        "name": job.description or job.job_id,
        "job_type": job.job_type.value,
        "cluster_id": job.cluster_id,
        "account": backend.account_id,
        "region": backend.region_name,
        "state": job.state(now),
        "journey": [[state, at] for at, state in job.journey(now)],
        "plan": [list(step) for step in job.plan.steps()],
    }


#: What can be changed of a job, each with how its value is applied.
JOB_CHANGES: dict[str, Callable[[SnowballBackend, str, Any], None]] = {
    "state": lambda backend, job_id, state: backend.set_state(job_id, state),
    "plan": lambda backend, job_id, plan: backend.set_plan(job_id, [(state, took) for state, took in plan]),
    "delay": lambda backend, job_id, delay: backend.delay(job_id, **delay),
    "hold": lambda backend, job_id, state: backend.hold(job_id, state),
    "cancel_in": lambda backend, job_id, state: backend.cancel_in(job_id, state),
    "send_on": lambda backend, job_id, _: backend.send_on(job_id),
    "objects": lambda backend, job_id, objects: backend.set_objects(job_id, objects),
    "failed_objects": lambda backend, job_id, failed: backend.fail_objects(job_id, failed),
    "parts": lambda backend, job_id, count: backend.set_parts(job_id, count),
}

_ROUTES = Map(
    [
        Rule(PREFIX, methods=["GET"], endpoint=_get_page),
        Rule(f"{PREFIX}<any('rehearsal.css', 'rehearsal.js'):name>", methods=["GET"], endpoint=_get_page),
        Rule(f"{PREFIX}clock", methods=["GET"], endpoint=_get_clock),
        Rule(f"{PREFIX}clock", methods=["POST"], endpoint=_set_clock),
        Rule(f"{PREFIX}jobs", methods=["GET"], endpoint=_get_jobs),
        Rule(f"{PREFIX}jobs/<job_id>", methods=["GET"], endpoint=_get_job),
        Rule(f"{PREFIX}jobs/<job_id>", methods=["POST"], endpoint=_set_job),
        Rule(f"{PREFIX}clusters", methods=["GET"], endpoint=_get_clusters),
        Rule(f"{PREFIX}clusters/<cluster_id>/jobs", methods=["POST"], endpoint=_add_jobs),
        Rule(f"{PREFIX}limits", methods=["GET"], endpoint=_get_limits),
        Rule(f"{PREFIX}limits", methods=["POST"], endpoint=_set_limit),
        Rule(f"{PREFIX}faults", methods=["GET"], endpoint=_get_faults),
        Rule(f"{PREFIX}faults", methods=["POST"], endpoint=_add_fault),
        Rule(f"{PREFIX}faults", methods=["DELETE"], endpoint=_clear_faults),
        Rule(f"{PREFIX}faults/<int:number>", methods=["DELETE"], endpoint=_remove_fault),
    ]
)
