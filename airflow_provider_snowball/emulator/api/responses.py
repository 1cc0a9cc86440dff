"""Handles incoming snowball requests, invokes methods, returns responses."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from botocore.model import OperationModel
from moto.core.base_backend import BackendDict
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import camelcase_to_underscores, get_service_model

from .models import SnowballBackend, snowball_backends
from .validation import validate

__all__ = ["SnowballResponse", "operation_of"]

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


@cache
def operation_of(name: str) -> OperationModel | None:
    """Return the model of an operation, None if there is none."""
    model = get_service_model("snowball")
    return model.operation_model(name) if name in model.operation_names else None


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

    backends: BackendDict = snowball_backends
    #: Seconds until listings have what a request creates.
    listing_lag = 0.0

    def __init__(self) -> None:
        super().__init__(service_name="snowball")
        self.automated_parameter_parsing = True

    @property
    def snowball_backend(self) -> SnowballBackend:
        """Return backend instance specific for this region."""
        backend: SnowballBackend = self.backends[self.current_account][self.region]
        return backend

    def parse_parameters(self, request: Any) -> None:
        """Read the request's members; an operation that is none has none."""
        if operation_of(self._get_action()):
            super().parse_parameters(request)

    def call_action(self) -> Any:
        """
        Answer an operation that there is not with a client error.

        moto would raise NotImplementedError, and its server a 500, which boto3 takes for a passing
        fault and sends again (no issue filed).
        """
        action = self._get_action()
        if not operation_of(action) or not hasattr(self, camelcase_to_underscores(action)):
            return self._error(400, "UnknownOperationException", f"Snowball has no operation {action}.")
        return super().call_action()

    def _error(self, status: int, code: str, message: str) -> Any:
        """Return an error by hand: moto serializes modelled ones only (no issue filed)."""
        headers = {
            **self.response_headers,
            "Content-Type": "application/x-amz-json-1.1",
            "status": str(status),
        }
        return status, headers, json.dumps({"__type": code, "message": message})

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
            long_term_pricing_ids=params.get("LongTermPricingIds", ()),
            details=self._details(params),
            listing_lag=self.listing_lag,
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
            listing_lag=self.listing_lag,
        )
        return ActionResult({"JobId": job_id})

    def create_long_term_pricing(self) -> ActionResult:
        params = self._params()
        pricing_id = self.snowball_backend.create_long_term_pricing(
            pricing_type=params["LongTermPricingType"],
            snowball_type=params["SnowballType"],
            auto_renew=params.get("IsLongTermPricingAutoRenew", False),
        )
        return ActionResult({"LongTermPricingId": pricing_id})

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

    def get_software_updates(self) -> ActionResult:
        uri = self.snowball_backend.get_software_updates(self._params()["JobId"], self._base_url)
        return ActionResult({"UpdatesURI": uri})

    def list_cluster_jobs(self) -> ActionResult:
        params = self._params()
        jobs, token = self.snowball_backend.list_cluster_jobs(params["ClusterId"], **_paging(params))
        return _Listing({"JobListEntries": jobs, **_next(token)})

    def list_clusters(self) -> ActionResult:
        clusters, token = self.snowball_backend.list_clusters(**_paging(self._params()))
        return _Listing({"ClusterListEntries": clusters, **_next(token)})

    def list_compatible_images(self) -> ActionResult:
        images, token = self.snowball_backend.list_compatible_images(**_paging(self._params()))
        return ActionResult({"CompatibleImages": images, **_next(token)})

    def list_jobs(self) -> ActionResult:
        jobs, token = self.snowball_backend.list_jobs(**_paging(self._params()))
        return _Listing({"JobListEntries": jobs, **_next(token)})

    def list_long_term_pricing(self) -> ActionResult:
        contracts, token = self.snowball_backend.list_long_term_pricing(**_paging(self._params()))
        return _Listing({"LongTermPricingEntries": contracts, **_next(token)})

    def list_pickup_locations(self) -> ActionResult:
        locations, token = self.snowball_backend.list_pickup_locations(**_paging(self._params()))
        return ActionResult({"Addresses": locations, **_next(token)})

    def list_service_versions(self) -> ActionResult:
        params = self._params()
        asked = {"ServiceName": params["ServiceName"]}
        if "DependentServices" in params:
            asked["DependentServices"] = params["DependentServices"]
        versions, token = self.snowball_backend.list_service_versions(
            params["ServiceName"], params.get("DependentServices", ()), **_paging(params)
        )
        return ActionResult({"ServiceVersions": versions, **asked, **_next(token)})

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

    def update_long_term_pricing(self) -> EmptyResult:
        params = self._params()
        self.snowball_backend.update_long_term_pricing(
            params["LongTermPricingId"],
            replacement_job=params.get("ReplacementJob"),
            auto_renew=params.get("IsLongTermPricingAutoRenew"),
        )
        return EmptyResult()


def _paging(params: dict[str, Any]) -> dict[str, Any]:
    return {"max_results": params.get("MaxResults"), "next_token": params.get("NextToken")}


def _next(token: str | None) -> dict[str, str]:
    return {} if token is None else {"NextToken": token}
