"""Requests that no botocore sends: of the wrong types, torn, from elsewhere; and those in CBOR."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.parsers
import botocore.session
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_snowball.emulator import snowball_backends, snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from tests.emulator.api.calls import client_of
from tests.emulator.api.journey import ERRORS, every_operation
from tests.fakes.emulated import order_cluster

TARGET = "AWSIESnowballJobManagementService"
CBOR_PATH = f"/service/{TARGET}/operation"
JSON = "application/x-amz-json-1.1"
SPEAKS_CBOR = hasattr(botocore.parsers, "RpcV2CBORParser")
ABSENT = "JID123e4567-e89b-12d3-a456-426655440000"


@pytest.fixture(scope="module")
def server() -> Iterator[SnowballServer]:
    with SnowballServer() as server:
        snowball_clock.pause()
        yield server


def signed(region: str = "us-east-1") -> str:
    scope = f"testing/20261130/{region}/snowball/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def send(
    server: SnowballServer,
    body: bytes,
    operation: str = "ListJobs",
    *,
    content_type: str | None = JSON,
    region: str = "us-east-1",
    path: str = "/",
) -> tuple[int, Any, bytes]:
    """Return status, headers and body of an answer."""
    headers = {"Authorization": signed(region)}
    if path == "/":
        headers["X-Amz-Target"] = f"{TARGET}.{operation}"
    # urllib names a type of its own where there is none.
    headers["Content-Type"] = content_type or ""
    request = urllib.request.Request(f"{server.endpoint_url}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class TestJson:
    @pytest.mark.parametrize(
        ("operation", "body", "says"),
        [
            ("ListJobs", b"{not json", "no JSON document"),
            ("ListJobs", b'{"NextToken": "\xff"}', "no JSON document"),
            ("ListJobs", b"[" * 100_000, "no JSON document"),
            ("ListJobs", b"null", "NULL_VALUE found where a structure"),
            ("ListJobs", b"[]", "START_ARRAY found where a structure"),
            (
                "ListJobs",
                b'{"MaxResults": "ten"}',
                "STRING_VALUE cannot be converted to Integer, at MaxResults",
            ),
            ("ListJobs", b'{"MaxResults": 1.5}', "DECIMAL_VALUE cannot be converted to Integer"),
            ("ListJobs", b'{"MaxResults": true}', "TRUE_VALUE cannot be converted to Integer"),
            (
                "CreateJob",
                b'{"Resources": {"S3Resources": [null]}}',
                "NULL_VALUE found in a list, at Resources.S3Resources.",
            ),
            ("CreateCluster", b'{"LongTermPricingIds": [null]}', "NULL_VALUE found in a list"),
            ("DescribeJob", b'{"JobId": 7}', "NUMBER_VALUE cannot be converted to String, at JobId"),
            (
                "CreateAddress",
                b'{"Address": []}',
                "START_ARRAY found where a structure is expected, at Address",
            ),
            (
                "CreateAddress",
                b'{"Address": {"IsRestricted": "yes"}}',
                "STRING_VALUE cannot be converted to Boolean, at Address.IsRestricted",
            ),
            (
                "CreateJob",
                b'{"Resources": {"S3Resources": {}}}',
                "START_OBJECT found where a list is expected, at Resources.S3Resources",
            ),
        ],
    )
    def test_what_is_of_the_wrong_type_is_a_modelled_error(
        self, server: SnowballServer, operation: str, body: bytes, says: str
    ) -> None:
        status, headers, answer = send(server, body, operation)
        error = json.loads(answer)
        assert (status, error["__type"]) == (400, "SerializationException")
        assert says in error["message"]
        assert headers["Content-Type"] == JSON
        assert headers["x-amzn-RequestId"]
        assert headers["X-Snowball-Local"]

    @pytest.mark.parametrize(
        "content_type", [f"{JSON}; charset=utf-8", "application/json", "text/plain", None]
    )
    def test_any_content_type_will_do(self, server: SnowballServer, content_type: str | None) -> None:
        status, headers, answer = send(server, b"{}", content_type=content_type)
        assert (status, json.loads(answer)) == (200, {"JobListEntries": []})
        assert headers["x-amzn-RequestId"]

    @pytest.mark.parametrize("body", [b"", b" ", b'{"MaxResults": null, "Unknown": []}'])
    def test_what_is_not_there_does_not_count(self, server: SnowballServer, body: bytes) -> None:
        assert send(server, body)[0] == 200

    @pytest.mark.parametrize("region", ["moon-1", "us-eest-1", ""])
    def test_a_region_that_there_is_not(self, server: SnowballServer, region: str) -> None:
        status, _, answer = send(server, b"{}", region=region)
        assert (status, json.loads(answer)["__type"]) == (400, "InvalidSignatureException")

    @given(
        operation=st.sampled_from(["ListJobs", "DescribeJob", "CreateJob", "CreateCluster", "UpdateJob"]),
        body=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["JobId", "Resources", "S3Resources", "MaxResults", "Notification"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
    )
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
    def test_never_anything_but_an_answer_in_json(
        self, server: SnowballServer, operation: str, body: Any
    ) -> None:
        status, _, answer = send(server, json.dumps(body).encode(), operation)
        assert status in (200, 400)
        assert isinstance(json.loads(answer), dict)


def in_cbor(endpoint_url: str, folder: Path) -> Any:
    """Return a client that speaks CBOR, as one of botocore's would if its model knew no other protocol."""
    loader = botocore.loaders.Loader()
    # What is loaded may be shared with moto.
    model = copy.deepcopy(loader.load_service_model("snowball", "service-2"))
    model["metadata"] |= {"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"]}
    there = folder / "snowball" / model["metadata"]["apiVersion"]
    there.mkdir(parents=True)
    (there / "service-2.json").write_text(json.dumps(model))
    paginators = loader.load_service_model("snowball", "paginators-1")
    (there / "paginators-1.json").write_text(json.dumps(paginators))
    session = botocore.session.Session()
    session.get_component("data_loader").search_paths.insert(0, str(folder))
    return session.create_client(
        "snowball",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@pytest.mark.skipif(not SPEAKS_CBOR, reason="this botocore speaks no CBOR")
class TestCbor:
    @pytest.fixture
    def clients(self, server: SnowballServer, tmp_path: Path) -> tuple[Any, Any]:
        """Return a client in CBOR, and one in JSON."""
        return in_cbor(server.endpoint_url, tmp_path), client_of(server.endpoint_url)

    def test_it_is_told_the_same(self, clients: tuple[Any, Any]) -> None:
        cbor, other = clients
        address_id = cbor.create_address(Address={"Street1": "1 Main Straße", "IsRestricted": False})[
            "AddressId"
        ]
        cluster_id = order_cluster(cbor, 7)

        def told(answer: dict[str, Any]) -> dict[str, Any]:
            assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
            return answer

        ids = {"ClusterId": cluster_id}
        job_id = cbor.list_cluster_jobs(**ids)["JobListEntries"][0]["JobId"]
        calls: list[Callable[[Any], dict[str, Any]]] = [
            lambda client: client.list_cluster_jobs(**ids),
            lambda client: client.describe_cluster(**ids),
            lambda client: client.describe_job(JobId=job_id),
            lambda client: client.describe_address(AddressId=address_id),
            lambda client: client.get_snowball_usage(),
        ]
        for call in calls:
            assert told(call(cbor)) == told(call(other))
        # Dates among it.
        assert cbor.describe_job(JobId=job_id)["JobMetadata"]["CreationDate"].year > 2000

    def test_every_operation(self, clients: tuple[Any, Any]) -> None:
        cbor, _ = clients
        # It counts the devices and addresses of a region.
        snowball_backends["123456789012"]["us-east-1"].reset()
        snowball_clock.pause()
        names = {api: name for name, api in cbor.meta.method_to_api_mapping.items()}

        def call(operation: str, **members: Any) -> dict[str, Any]:
            found: dict[str, Any] = getattr(cbor, names[operation])(**members)
            return found

        assert every_operation(call, snowball_clock.jump) == set(names)
        for operation, (members, code) in ERRORS.items():
            with pytest.raises(ClientError) as caught:
                call(operation, **members)
            assert caught.value.response["Error"]["Code"] == code

    def test_its_pages(self, clients: tuple[Any, Any]) -> None:
        cbor, other = clients
        cluster_id = order_cluster(other)
        pages = cbor.get_paginator("list_cluster_jobs").paginate(
            ClusterId=cluster_id, PaginationConfig={"PageSize": 2}
        )
        assert [len(page["JobListEntries"]) for page in pages] == [2, 2, 1]

    def test_its_errors(self, clients: tuple[Any, Any]) -> None:
        cbor, _ = clients
        with pytest.raises(cbor.exceptions.InvalidResourceException) as caught:
            cbor.describe_job(JobId=ABSENT)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert caught.value.response["ResponseMetadata"]["RequestId"]
        assert ABSENT in str(caught.value)

    def test_its_faults(self, clients: tuple[Any, Any]) -> None:
        cbor, _ = clients
        snowball_faults.add("error", code="AccessDeniedException", message="no", count=1)
        with pytest.raises(ClientError, match="AccessDeniedException"):
            cbor.list_jobs()
        fault = snowball_faults.add("reset", count=1)
        # It is sent again.
        assert cbor.list_jobs()
        assert fault.hits == 1

    @pytest.mark.parametrize("body", [b"\xff", b"\x1c", b"{}", b"\xa1", b"\x9f" * 5000, b"\xa0\xa0", b"\x7f"])
    def test_what_is_none(self, server: SnowballServer, body: bytes) -> None:
        path = f"{CBOR_PATH}/ListJobs"
        status, headers, _ = send(server, body, path=path, content_type="application/cbor")
        assert status == 400
        assert headers["Content-Type"] == "application/cbor"
        assert headers["smithy-protocol"] == "rpc-v2-cbor"

    def test_an_operation_that_there_is_not(self, server: SnowballServer) -> None:
        path = f"{CBOR_PATH}/OpenSesame"
        status, _, body = send(server, b"\xa0", path=path, content_type="application/cbor")
        assert status == 400
        assert b"UnknownOperationException" in body


class TestControl:
    @pytest.mark.parametrize(
        ("path", "body", "says"),
        [
            ("clock", {"jump": 1e300}, "thousand years"),
            ("clock", {"jump": True}, "A duration is"),
            ("clock", {"speed": "2d/s", "jump": -1}, "A duration is"),
            ("clock", {"paused": "false"}, "paused is true or false"),
            ("faults", {"kind": "throttle", "region_name": "moon-1"}, "no region 'moon-1'"),
            ("limits", {"region": "moon-1", "limit": 1}, "no region 'moon-1'"),
            ("limits", {"region": 7, "limit": 1}, "no region 7"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, server: SnowballServer, path: str, body: dict[str, Any], says: str
    ) -> None:
        before = (snowball_clock.speed, snowball_clock.paused, snowball_clock.now())
        status, _, answer = send(
            server, json.dumps(body).encode(), path=f"/_snowball/{path}", content_type="application/json"
        )
        assert status == 400
        assert says in json.loads(answer)["error"]
        # And nothing of it is done.
        assert (snowball_clock.speed, snowball_clock.paused, snowball_clock.now()) == before
        assert "moon-1" not in snowball_backends["123456789012"]
