"""Airflow connections of every kind: what the hook takes, what its test says, and what a task's log says."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.exceptions import SnowballConnectionError, SnowballPermanentError
from airflow_provider_snowball.hooks.bucket import HEADS
from airflow_provider_snowball.hooks.connection_form import EXTRA_FIELDS
from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.waiting.calls import ErrorKind, ListClusterJobs, RequestError
from tests.fakes.json_server import JsonServer
from tests.fakes.one_answer import OneAnswer, Refusal
from tests.fakes.scripted_snowball import CLUSTER
from tests.fakes.sts_server import ARN, REFUSAL, StsServer

CONN_ID = "warehouse"
SECRET = "planted-secret-value"
ROLE = "arn:aws:iam::123456789012:role/nobody-may"
ONCE = {"config_kwargs": {"retries": {"total_max_attempts": 1}}}


DENIAL = f"User: {ARN} is not authorized to perform: snowball:{{operation}}, as no policy allows it"
EXPIRED = "The security token included in the request is expired"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SnowballHook]:
    """Return what makes a connection, and a hook on it."""

    def make(conn_type: str | None = "snowball", *, key: str | None = "AKIA", **extra: Any) -> SnowballHook:
        connection = {"conn_type": conn_type, "extra": ONCE | extra}
        if key:
            connection |= {"login": key, "password": SECRET}
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
        return SnowballHook(aws_conn_id=CONN_ID)

    return make


@pytest.fixture
def sts() -> Iterator[StsServer]:
    with StsServer() as server:
        yield server


def at(snowball: JsonServer | None, sts: JsonServer | StsServer | None = None) -> dict[str, Any]:
    """Return what sends a connection's requests to servers here."""
    servers = {"snowball": snowball, "sts": sts}
    return {
        "service_config": {
            name: {"endpoint_url": server.endpoint_url} for name, server in servers.items() if server
        }
    }


def setting(hook: SnowballHook, name: str) -> Any:
    """Return an option of botocore's Config, whose stubs know none of them."""
    return getattr(hook.config, name)


class TestWhatTheHookTakes:
    @pytest.mark.parametrize("conn_type", ["snowball", "aws", None])
    def test_types_of_aws_do_alike_and_without_a_warning(
        self, conn_type: str | None, connect: Callable[..., SnowballHook]
    ) -> None:
        with OneAnswer(JobListEntries=[]) as server, warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            hook = connect(conn_type, region_name="eu-west-1", **at(server))
            assert hook.list_cluster_jobs(CLUSTER) == []
            assert hook.conn_region_name == "eu-west-1"
        assert bool(hook.conn_config)

    @pytest.mark.parametrize("conn_type", ["snowball", "aws"])
    @pytest.mark.parametrize("empty", [None, ""], ids=["null", "text"])
    def test_fields_stored_empty_do_no_harm(
        self,
        conn_type: str,
        empty: str | None,
        connect: Callable[..., SnowballHook],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        names = [field.key for field in EXTRA_FIELDS]
        names += ["profile_name", "assume_role_method", "assume_role_kwargs", "aws_session_token", "verify"]
        with OneAnswer(JobListEntries=[]) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SNOWBALL", server.endpoint_url)
            monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
            hook = connect(conn_type, **dict.fromkeys(names, empty), service_config=empty)
            assert hook.list_cluster_jobs(CLUSTER) == []
            assert hook.conn_region_name == "eu-west-1"

    def test_the_callers_settings_come_first(
        self, connect: Callable[..., SnowballHook], tmp_path: Path
    ) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.touch()
        connect(region_name="eu-west-1", verify=False, config_kwargs={"read_timeout": 7})
        assert SnowballHook(aws_conn_id=CONN_ID).verify is False
        assert setting(SnowballHook(aws_conn_id=CONN_ID), "read_timeout") == 7
        hook = SnowballHook(
            aws_conn_id=CONN_ID, region_name="us-west-2", verify=str(bundle), config={"read_timeout": 9}
        )
        assert (hook.region_name, hook.verify) == ("us-west-2", str(bundle))
        assert setting(hook, "read_timeout") == 9

    @pytest.mark.parametrize("config", [{}, {"read_timeout": 9}], ids=str)
    def test_a_tasks_options_leave_the_others_of_the_connection(
        self, config: dict[str, Any], connect: Callable[..., SnowballHook]
    ) -> None:
        """Such as FIPS, and the way out of the network."""
        proxies = {"https": "http://proxy.example"}
        connect(
            region_name="us-gov-west-1",
            config_kwargs={"use_fips_endpoint": True, "proxies": proxies, "read_timeout": 7},
        )
        hook = SnowballHook(aws_conn_id=CONN_ID, config=config)
        assert hook.conn.meta.endpoint_url == "https://snowball-fips.us-gov-west-1.amazonaws.com"
        assert setting(hook, "proxies") == proxies
        assert setting(hook, "read_timeout") == config.get("read_timeout", 7)

    def test_s3_has_a_connection_for_each_request_at_a_time(
        self, connect: Callable[..., SnowballHook]
    ) -> None:
        hook = connect(region_name="eu-west-1")
        assert hook.s3_client().meta.config.max_pool_connections == HEADS
        hook = connect(region_name="eu-west-1", config_kwargs={"max_pool_connections": 10})
        assert hook.s3_client().meta.config.max_pool_connections == 10
        hook = SnowballHook(aws_conn_id=CONN_ID, config={"max_pool_connections": 3})
        assert hook.s3_client().meta.config.max_pool_connections == 3

    def test_another_type_is_refused(self, connect: Callable[..., SnowballHook]) -> None:
        hook = connect("postgres", region_name="us-east-1")
        with pytest.raises(SnowballConnectionError) as caught:
            hook.list_cluster_jobs(CLUSTER)
        assert str(caught.value) == (
            "Airflow connection 'warehouse' is of type 'postgres', which is none for AWS; "
            "name one of type snowball or aws in aws_conn_id [SNB203]"
        )

    @pytest.mark.parametrize("half", ["login", "password"])
    def test_half_a_key_is_refused(self, half: str, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = {"conn_type": "snowball", half: SECRET, "extra": {"region_name": "us-east-1"}}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
        with pytest.raises(
            SnowballConnectionError, match="'warehouse' has only half an access key"
        ) as caught:
            SnowballHook(aws_conn_id=CONN_ID).list_cluster_jobs(CLUSTER)
        assert SECRET not in str(caught.value)

    def test_an_address_that_is_none(self, connect: Callable[..., SnowballHook]) -> None:
        """A wait that lived to see this edit bears it as it bears any other."""
        hook = connect(region_name="us-east-1", endpoint_url="not an address")
        with pytest.raises(
            RequestError, match="connection 'warehouse': Invalid endpoint: not an add"
        ) as caught:
            make_call(hook, ListClusterJobs(CLUSTER))
        assert caught.value.kind is ErrorKind.DENIED

    # Some amazon providers look for themselves where an Airflow newer than they are warns of it.
    @pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")
    def test_aws_is_told_of_the_amazon_provider(self, connect: Callable[..., SnowballHook]) -> None:
        hook = connect(region_name="us-east-1")
        told = vars(hook.conn.meta.config)["user_agent_extra"]
        assert f"AmPP/{version('apache-airflow-providers-amazon')} " in told


@dataclass
class Case:
    """
    A connection with something wrong, and what must be said of it.

    :param says: what the form and the log say, ``{operation}`` for the one that was called.
    :param code: of that.
    :param knows: what the form says before it.
    :param form_adds: what the form says after the code.
    :param sent: whether the request for Snowball could be made at all: then the log says where it went.
    :param server: answers for Snowball; None leaves that to AWS.
    """

    says: str
    code: str
    knows: str = ""
    form_adds: str = ""
    sent: bool = True
    server: OneAnswer | None = field(default_factory=OneAnswer)
    extra: dict[str, Any] = field(default_factory=dict)


NO_SUCH_REGION = "us-nowhere-7"
INVALID = "The security token included in the request is invalid"
WRONG = {
    "missing region": Case(
        "NoRegionError: You must specify a region; "
        "set the region of the connection, or region_name of the task",
        sent=False,
        extra={"region_name": None},
        code="SNB209",
    ),
    "region without Snowball": Case(
        "EndpointConnectionError: Could not connect to the endpoint URL: "
        f'"https://snowball.{NO_SUCH_REGION}.amazonaws.com/"; region {NO_SUCH_REGION} has no AWS Snowball as '
        "far as botocore knows; choose the region of the jobs",
        knows=f"{NO_SUCH_REGION}: {ARN}: ",
        server=None,
        extra={"region_name": NO_SUCH_REGION},
        code="SNB210",
    ),
    "malformed region": Case(
        "InvalidRegionError: Provided region_name 'not a region' doesn't match a supported format; "
        "a region reads like us-east-1",
        knows="not a region: ",
        sent=False,
        extra={"region_name": "not a region"},
        code="SNB209",
    ),
    "missing IAM action": Case(
        f"AccessDeniedException when calling {{operation}}: {DENIAL}; "
        "allow the IAM action snowball:{operation}",
        knows=f"us-east-1: {ARN}: ",
        form_adds=", which this test alone asks for",
        server=Refusal("AccessDeniedException", DENIAL),
        code="SNB304",
    ),
    "role that cannot be assumed": Case(
        f"AccessDenied when calling AssumeRole: {REFUSAL.format(role=ROLE)}; the connection's role cannot be "
        "assumed: its trust policy must name the identity that assumes it, and that identity must be allowed "
        "sts:AssumeRole",
        knows="us-east-1: ",
        sent=False,
        extra={"role_arn": ROLE},
        code="SNB211",
    ),
    "role that is none": Case(
        "ParamValidationError: Parameter validation failed: Invalid length for parameter RoleArn, value: 5, "
        "valid min length: 20; correct role_arn and assume_role_kwargs of the connection",
        knows="us-east-1: ",
        sent=False,
        extra={"role_arn": "admin"},
        code="SNB211",
    ),
    "unknown key": Case(
        f"UnrecognizedClientException when calling {{operation}}: {INVALID}; "
        "correct the access key; a region that is switched off for the account refuses good ones, too",
        knows=f"us-east-1: {ARN}: ",
        server=Refusal("UnrecognizedClientException", f"{INVALID}."),
        code="SNB212",
    ),
    "expired session": Case(
        f"ExpiredTokenException when calling {{operation}}: {EXPIRED}; renew the session token",
        knows=f"us-east-1: {ARN}: ",
        server=Refusal("ExpiredTokenException", EXPIRED),
        code="SNB212",
    ),
    "no credentials": Case(
        "NoCredentialsError: Unable to locate credentials; "
        "give the connection an access key or a profile, or the machine a role",
        knows="us-east-1: ",
        extra={"key": None},
        code="SNB212",
    ),
}


@pytest.fixture(params=WRONG)
def wrong(
    request: pytest.FixtureRequest, connect: Callable[..., SnowballHook], sts: StsServer
) -> Iterator[tuple[Case, SnowballHook]]:
    """Return a case, and a hook on its connection."""
    case = WRONG[request.param]
    with case.server or nullcontext() as server:
        yield case, connect(**{"region_name": "us-east-1"} | at(server, sts) | case.extra)


class TestWhatIsWrong:
    """Each in words that somebody can act on, in the UI and in the task's log."""

    def test_the_form_says_it(
        self, wrong: tuple[Case, SnowballHook], caplog: pytest.LogCaptureFixture
    ) -> None:
        case, hook = wrong
        with caplog.at_level(logging.DEBUG):
            ok, message = hook.test_connection()
        says = case.says.replace("{operation}", "ListClusters")
        assert (ok, message) == (False, f"{case.knows}{says} [{case.code}]{case.form_adds}")
        assert SECRET not in message + caplog.text

    def test_the_task_says_it(self, wrong: tuple[Case, SnowballHook]) -> None:
        case, _ = wrong
        sensor = ClusterJobsSensor(
            task_id="wait", cluster_id=CLUSTER, aws_conn_id=CONN_ID, mode="poke", deferrable=False
        )
        with pytest.raises(SnowballPermanentError) as caught:
            sensor.poke({})
        says = case.says.replace("{operation}", "ListClusterJobs")
        region = case.extra.get("region_name", "us-east-1")
        where = f" (region {region}, Airflow connection '{CONN_ID}')" if case.sent else ""
        assert str(caught.value) == (
            f"Cannot list the jobs of cluster {CLUSTER}: {says}{where} [{case.code}]"
        )


class TestTestConnection:
    def test_it_asks_snowball_for_one_cluster(
        self, connect: Callable[..., SnowballHook], sts: StsServer
    ) -> None:
        with OneAnswer(ClusterListEntries=[]) as server:
            tested = connect(region_name="ap-south-1", **at(server, sts)).test_connection()
        assert tested == (True, f"ap-south-1: {ARN}: AWS Snowball answers")
        assert server.requests == [("ListClusters", {"MaxResults": 1})]
        assert sts.actions == ["GetCallerIdentity"]

    def test_a_role_is_assumed_once(self, connect: Callable[..., SnowballHook]) -> None:
        with OneAnswer() as server, StsServer(assumable=True) as sts:
            hook = connect(region_name="us-east-1", role_arn=ROLE, **at(server, sts))
            assert hook.test_connection() == (True, f"us-east-1: {ARN}: AWS Snowball answers")
        assert sts.actions == ["AssumeRole", "GetCallerIdentity"]

    def test_an_endpoint_for_all_services_is_asked_for_the_identity(
        self, connect: Callable[..., SnowballHook]
    ) -> None:
        with SnowballServer() as server:
            tested = connect(region_name="us-east-1", endpoint_url=server.endpoint_url).test_connection()
        assert tested == (True, "us-east-1: arn:aws:sts::123456789012:user/moto: AWS Snowball answers")

    def test_without_an_identity(self, connect: Callable[..., SnowballHook]) -> None:
        with OneAnswer() as nobody:
            pass
        with OneAnswer() as server:
            tested = connect(region_name="us-east-1", **at(server, nobody)).test_connection()
        assert tested == (True, "us-east-1: AWS Snowball answers")

    def test_errors_are_met_once(self, connect: Callable[..., SnowballHook], sts: StsServer) -> None:
        with OneAnswer(503, __type="ServiceUnavailable", Message="try later") as server:
            hook = connect(region_name="us-east-1", config_kwargs={}, **at(server, sts))
            ok, message = hook.test_connection()
        assert (ok, message) == (
            False,
            f"us-east-1: {ARN}: ServiceUnavailable when calling ListClusters: try later",
        )
        assert len(server.requests) == 1

    def test_a_password_in_an_address_is_not_shown(self, connect: Callable[..., SnowballHook]) -> None:
        with OneAnswer() as server:
            address = server.endpoint_url
        address = address.replace("http://", f"http://user:{SECRET}@")
        ok, message = connect(region_name="us-east-1", endpoint_url=address).test_connection()
        assert not ok
        assert "EndpointConnectionError" in message
        assert SECRET not in message

    def test_a_connection_of_another_type(self, connect: Callable[..., SnowballHook]) -> None:
        ok, message = connect("http", region_name="us-east-1").test_connection()
        assert not ok
        assert message.startswith("Airflow connection 'warehouse' is of type 'http', which is none for AWS")

    def test_a_connection_that_nobody_made(self) -> None:
        ok, message = SnowballHook(aws_conn_id="nobody_made_this").test_connection()
        assert not ok
        assert message.startswith("Airflow connection 'nobody_made_this' cannot be found")
