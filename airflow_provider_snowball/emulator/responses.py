"""Handles incoming snowball requests, invokes methods, returns responses."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from errno import ECONNRESET
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ConnectionClosedError
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import camelcase_to_underscores

from .clock import parse_duration
from .documents import Answer, fetch
from .exceptions import InvalidNextTokenException
from .faults import Fault
from .models import SnowballBackend, all_backends, announcer, snowball_backends, snowball_clock
from .pagination import shifted
from .standstill import Standstill
from .store import snowball_faults
from .validation import validate
from .wire import operation_of

__all__ = ["RESET_HEADER", "SnowballResponse", "serve_file"]

log = logging.getLogger(__name__)

#: Tells the server to reset the connection in place of an answer.
RESET_HEADER = "X-Snowball-Reset"

_ASKED_FOR = "The service failed to answer; this is a fault that was asked for."
#: So many times whoever waits is given the same states; whoever looks twice is not.
_WAITS_IN_VAIN = 5
_STATE = re.compile(r'"(?:Job|Cluster)State":\s*"(.*?)"')
_standstill = Standstill()

#: Members of the requests that create something which the backend takes by name.
_BY_NAME = (
    "JobType",
    "ClusterId",
    "SnowballType",
    "Description",
    "InitialClusterSize",
    "ForceCreateJobs",
    "LongTermPricingIds",
)


class _Listing(ActionResult):  # type: ignore[misc]  # moto is not followed
    """
    A page of a listing, whose entries have members of the model only.

    moto's serializer looks each member of each entry up in the model, which for a page of a hundred
    takes longer than all the rest of the request (no issue filed).
    """

    def execute_result(self, context: Any) -> Any:
        """Serialize it."""
        body = json.dumps(self.result, default=datetime.timestamp, separators=(",", ":"))
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, body


class SnowballResponse(BaseResponse):  # type: ignore[misc]  # moto is not followed
    """Handler for Snowball requests and responses."""

    def __init__(self) -> None:
        super().__init__(service_name="snowball")
        self.automated_parameter_parsing = True

    @property
    def snowball_backend(self) -> SnowballBackend:
        """Return backend instance specific for this region."""
        backend: SnowballBackend = snowball_backends[self.current_account][self.region]
        return backend

    def setup_class(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Read the request."""
        self._environ = getattr(request, "environ", {})
        self._pretended_state: str | None = None
        self._loss: Mapping[str, Any] | None = None
        self._listing_lag = 0.0
        super().setup_class(request, *args, **kwargs)

    def parse_parameters(self, request: Any) -> None:
        """Read the request's members; an operation that is none has none."""
        if operation_of(self._get_action()):
            super().parse_parameters(request)

    def call_action(self) -> Any:
        """
        Answer an operation that is not here with a client error.

        moto would raise NotImplementedError, and its server a 500, which boto3 takes for a passing
        fault and sends again (no issue filed). A request that faults strike is answered as they have it.
        """
        action = self._get_action()
        if not operation_of(action) or not hasattr(self, camelcase_to_underscores(action)):
            message = f"This local Snowball does not implement the operation {action}."
            return self._error(400, "UnknownOperationException", message)
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
                    self.params["NextToken"] = shifted(self.params["NextToken"], options["by"])
            case "unknown_state":
                self._pretended_state = options["state"]
            case "late_listing":
                self._listing_lag = parse_duration(options["lag"])
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

    def _error(self, status: int, code: str, message: str) -> Any:
        """Return an error by hand: moto serializes modelled ones only (no issue filed)."""
        headers = {
            **self.response_headers,
            "Content-Type": "application/x-amz-json-1.1",
            "status": str(status),
        }
        return status, headers, json.dumps({"__type": code, "message": message})

    def serialized(self, action_result: ActionResult) -> Any:
        """Serialize a result."""
        result = action_result.result
        if self._pretended_state is not None and isinstance(result, dict):
            for job in _jobs_of(result):
                job["JobState"] = self._pretended_state
        return super().serialized(action_result)

    def _params(self) -> dict[str, Any]:
        """Return the request's members, held against the service model."""
        params = {name: value for name, value in self._get_params().items() if value is not None}
        operation = operation_of(self._get_action())
        if operation and operation.input_shape:
            validate(params, operation.input_shape)
        return params

    def _details(self, params: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in params.items() if name not in _BY_NAME}

    @property
    def _base_url(self) -> str:
        """Scheme and host under which the client reached the service: links lead there, too."""
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc}"

    def cancel_cluster(self) -> EmptyResult:
        self.snowball_backend.cancel_cluster(self._params()["ClusterId"])
        return EmptyResult()

    def cancel_job(self) -> EmptyResult:
        self.snowball_backend.cancel_job(self._params()["JobId"])
        return EmptyResult()

    def create_address(self) -> ActionResult:
        address_id = self.snowball_backend.create_address(self._params()["Address"])
        return ActionResult({"AddressId": address_id})

    def create_cluster(self) -> ActionResult:
        params = self._params()
        cluster_id, jobs = self.snowball_backend.create_cluster(
            job_type=params["JobType"],
            snowball_type=params["SnowballType"],
            description=params.get("Description"),
            initial_cluster_size=params.get("InitialClusterSize"),
            force_create_jobs=params.get("ForceCreateJobs", False),
            details=self._details(params),
            listing_lag=self._listing_lag,
        )
        return ActionResult({"ClusterId": cluster_id, "JobListEntries": jobs})

    def create_job(self) -> ActionResult:
        params = self._params()
        job_id = self.snowball_backend.create_job(
            job_type=params.get("JobType"),
            cluster_id=params.get("ClusterId"),
            snowball_type=params.get("SnowballType"),
            description=params.get("Description"),
            details=self._details(params),
            listing_lag=self._listing_lag,
        )
        return ActionResult({"JobId": job_id})

    def create_return_shipping_label(self) -> ActionResult:
        # Its ShippingOption shows nowhere.
        status = self.snowball_backend.create_return_shipping_label(self._params()["JobId"])
        return ActionResult({"Status": status})

    def describe_address(self) -> ActionResult:
        return ActionResult({"Address": self.snowball_backend.describe_address(self._params()["AddressId"])})

    def describe_addresses(self) -> ActionResult:
        addresses, token = self.snowball_backend.describe_addresses(**_paging(self._params()))
        return _Listing({"Addresses": addresses, **_next(token)})

    def describe_cluster(self) -> ActionResult:
        metadata = self.snowball_backend.describe_cluster(self._params()["ClusterId"])
        return ActionResult({"ClusterMetadata": metadata})

    def describe_job(self) -> ActionResult:
        job_id = self._params()["JobId"]
        metadata = self.snowball_backend.describe_job(job_id, self._base_url)
        parts = self.snowball_backend.describe_parts(job_id, self._base_url)
        return ActionResult({"JobMetadata": metadata, **({"SubJobMetadata": parts} if parts else {})})

    def describe_return_shipping_label(self) -> ActionResult:
        job_id = self._params()["JobId"]
        return ActionResult(self.snowball_backend.describe_return_shipping_label(job_id, self._base_url))

    def get_job_manifest(self) -> ActionResult:
        uri = self.snowball_backend.get_job_manifest(self._params()["JobId"], self._base_url)
        return ActionResult({"ManifestURI": uri})

    def get_job_unlock_code(self) -> ActionResult:
        return ActionResult(
            {"UnlockCode": self.snowball_backend.get_job_unlock_code(self._params()["JobId"])}
        )

    def get_snowball_usage(self) -> ActionResult:
        return ActionResult(self.snowball_backend.get_snowball_usage())

    def list_cluster_jobs(self) -> ActionResult:
        params = self._params()
        jobs, token = self.snowball_backend.list_cluster_jobs(params["ClusterId"], **_paging(params))
        return _Listing({"JobListEntries": jobs, **_next(token)})

    def list_clusters(self) -> ActionResult:
        clusters, token = self.snowball_backend.list_clusters(**_paging(self._params()))
        return _Listing({"ClusterListEntries": clusters, **_next(token)})

    def list_jobs(self) -> ActionResult:
        jobs, token = self.snowball_backend.list_jobs(**_paging(self._params()))
        return _Listing({"JobListEntries": jobs, **_next(token)})

    def update_cluster(self) -> EmptyResult:
        changes = self._params()
        self.snowball_backend.update_cluster(changes.pop("ClusterId"), changes)
        return EmptyResult()

    def update_job(self) -> EmptyResult:
        changes = self._params()
        self.snowball_backend.update_job(changes.pop("JobId"), changes)
        return EmptyResult()

    def update_job_shipment_state(self) -> EmptyResult:
        params = self._params()
        self.snowball_backend.update_job_shipment_state(params["JobId"], params["ShipmentState"])
        return EmptyResult()


def serve_file(request: Any, full_url: str, headers: Any) -> Answer:  # noqa: ARG001 - moto's signature
    """Answer a request for a link that a response has handed out."""
    return fetch(request.method, full_url)


def _jobs_of(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give out whatever has a JobState in a result."""
    yield from result.get("JobListEntries", ())
    yield from result.get("SubJobMetadata", ())
    if "JobMetadata" in result:
        yield result["JobMetadata"]


def _paging(params: dict[str, Any]) -> dict[str, Any]:
    return {"max_results": params.get("MaxResults"), "next_token": params.get("NextToken")}


def _next(token: str | None) -> dict[str, str]:
    return {} if token is None else {"NextToken": token}
