"""
Answers requests as a rehearsal wants them answered: faults strike, and what happens is announced.

Links lead to files that are served (:mod:`.documents`).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from errno import ECONNRESET
from typing import Any

from botocore.exceptions import ConnectionClosedError
from moto.core.responses import ActionResult

from ..api import responses as api
from ..api.exceptions import InvalidNextTokenException
from ..api.pagination import read_token, write_token
from ..api.responses import operation_of
from .clock import parse_duration
from .documents import Answer, fetch
from .faults import Fault
from .models import all_backends, announcer, snowball_backends, snowball_clock, snowball_faults
from .standstill import Standstill

__all__ = ["RESET_HEADER", "SnowballResponse", "serve_file"]

log = logging.getLogger(__name__)

#: Tells the server to reset the connection in place of an answer.
RESET_HEADER = "X-Snowball-Reset"

_ASKED_FOR = "The service failed to answer; this is a fault that was asked for."
#: So many times whoever waits is given the same states; whoever looks twice is not.
_WAITS_IN_VAIN = 5
_STATE = re.compile(r'"(?:Job|Cluster)State":\s*"(.*?)"')
_standstill = Standstill()


class SnowballResponse(api.SnowballResponse):
    """Handler for Snowball requests and responses."""

    backends = snowball_backends

    def setup_class(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Read the request."""
        self._environ = getattr(request, "environ", {})
        self._pretended_state: str | None = None
        self._loss: Mapping[str, Any] | None = None
        super().setup_class(request, *args, **kwargs)

    def call_action(self) -> Any:
        """Answer a request; one that faults strike as they have it."""
        action = self._get_action()
        if not operation_of(action):
            return super().call_action()
        for fault in snowball_faults.striking(
            action, self.current_account, self.region, further_page="NextToken" in self.params
        ):
            answer = self._suffer(fault)
            if answer is not None:
                return answer
        # What has happened so far, happened before the request; what it makes happen, at once.
        announcer.announce()
        try:
            response = super().call_action()
        finally:
            announcer.announce()
        if self._loss is not None:
            return self._lose(response, self._loss)
        if snowball_clock.paused and action.startswith(("List", "Describe")):
            self._warn_who_waits_in_vain(action, response[2])
        return response

    def _warn_who_waits_in_vain(self, action: str, body: str) -> None:
        """Say why nothing changes to whoever asks again and again while simulated time stands still."""
        request = (action, self.current_account, self.region, json.dumps(self.params, sort_keys=True))
        states = tuple(_STATE.findall(body))
        if (
            states
            and _standstill.repeats(request, states, snowball_clock.now()) == _WAITS_IN_VAIN
            and any(backend.awaits_transition() for backend in all_backends())
        ):
            log.warning(
                "%s was answered %d times with the same states, as simulated time stands still: the clock "
                'is paused. Let it run by its resume() or set_speed("1d/s"), or move it by jump("1d").',
                action,
                _WAITS_IN_VAIN,
            )

    def _suffer(self, fault: Fault) -> Any:
        """Do what a fault does; return its answer if it gives one in place of the operation."""
        options = fault.options
        match fault.kind:
            case "latency":
                snowball_faults.sleep(options["seconds"])
            case "shifted_listing":
                with suppress(InvalidNextTokenException):
                    start, listing = read_token(self.params["NextToken"])
                    self.params["NextToken"] = write_token(max(start + options["by"], 0), listing)
            case "unknown_state":
                self._pretended_state = options["state"]
            case "late_listing":
                self.listing_lag = parse_duration(options["lag"])
            case "lost_answer":
                self._loss = options
            case "reset":
                return self._reset_connection()
            case "throttle":
                return self._error(400, "ThrottlingException", "Rate exceeded")
            case "expired_credentials":
                message = "The security token included in the request is expired"
                return self._error(400, "ExpiredTokenException", message)
            case "expired_next_token":
                error = InvalidNextTokenException()
                return self._error(400, error.code, error.message)
            case "server_error":
                status = options["status"]
                code = "ServiceUnavailable" if status == 503 else "InternalServerError"
                return self._error(status, code, _ASKED_FOR)
            case "error":
                return self._error(options["status"], options["code"], options["message"])
        return None

    def _lose(self, response: Any, options: Mapping[str, Any]) -> Any:
        """Return what a client gets in place of an answer to what was carried out."""
        status, headers, body = response
        match options["how"]:
            case "server_error":
                return self._error(500, "InternalServerError", _ASKED_FOR)
            case "cut":
                return status, headers, body[: len(body) // 2]
            case "hang":
                snowball_faults.sleep(options["seconds"])
        return self._reset_connection()

    def _reset_connection(self) -> Any:
        """Let the client see a connection that is reset, as its transport would."""
        if "werkzeug.socket" in self._environ:
            return 500, {**self.response_headers, RESET_HEADER: "1"}, ""
        # moto answers in place of the transport, whose errors botocore expects here.
        raise ConnectionClosedError(
            endpoint_url=self.uri, error=ConnectionResetError(ECONNRESET, "Connection reset by peer")
        )

    def serialized(self, action_result: ActionResult) -> Any:
        """Serialize a result."""
        result = action_result.result
        if self._pretended_state is not None and isinstance(result, dict):
            for job in _jobs_of(result):
                job["JobState"] = self._pretended_state
        return super().serialized(action_result)


def serve_file(request: Any, full_url: str, headers: Any) -> Answer:  # noqa: ARG001 - moto's signature
    """Answer a request for a link that a response has handed out."""
    return fetch(request.method, full_url)


def _jobs_of(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give out whatever has a JobState in a result."""
    yield from result.get("JobListEntries", ())
    yield from result.get("SubJobMetadata", ())
    if "JobMetadata" in result:
        yield result["JobMetadata"]
