"""SnowballHook over real HTTP, through ordinary Airflow connections."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.exceptions import ClientError

from airflow_provider_snowball.exceptions import SnowballConnectionError
from airflow_provider_snowball.hooks.errors import classify
from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
from airflow_provider_snowball.waiting.calls import ErrorKind, ListClusterJobs, RequestError
from tests.fakes.json_server import JsonServer
from tests.fakes.scripted_snowball import CLUSTER, job, job_id
from tests.pages import blocks_of

Page = tuple[int, dict[str, Any]]
INVALID_TOKEN: Page = (400, {"__type": "InvalidNextTokenException", "Message": "the token has expired"})
DOWN: Page = (503, {"__type": "ServiceUnavailable", "Message": "try later"})


def page(*jobs: dict[str, Any], token: str | None = None, key: str = "JobListEntries") -> Page:
    return 200, {key: list(jobs)} | ({"NextToken": token} if token else {})


class Pages(JsonServer):
    """Answers request after request from a list; the last answer is given for ever."""

    def __init__(self, *pages: Page) -> None:
        super().__init__()
        self.pages = pages

    def answer(self, operation: str, body: dict[str, Any]) -> Page:
        return self.pages[min(len(self.requests), len(self.pages)) - 1]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.requests]


@pytest.fixture
def hook_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SnowballHook]:
    """Return what makes a hook on a connection to a server."""

    def make(
        server: Pages,
        *,
        retries: bool = False,
        extra: dict[str, Any] | None = None,
        password: str = "testing",
        **more: Any,
    ) -> SnowballHook:
        once = {} if retries else {"config_kwargs": {"retries": {"total_max_attempts": 1}}}
        connection = {
            "conn_type": "aws",
            "login": "testing",
            "password": password,
            "extra": {"region_name": "us-east-1", "endpoint_url": server.endpoint_url} | once | (extra or {}),
        }
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", json.dumps(connection))
        return SnowballHook(aws_conn_id="snowball_test", **more)

    return make


def ids(jobs: Sequence[Any]) -> list[str]:
    return [entry["JobId"] for entry in jobs]


class TestPages:
    def test_all_pages_in_order(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages(page(job(1, "New"), token="a"), page(token="b"), page(job(2, "New"))) as server:
            jobs = hook_of(server).list_cluster_jobs(CLUSTER)
        assert ids(jobs) == [job_id(1), job_id(2)]
        assert server.bodies == [
            {"ClusterId": CLUSTER},
            {"ClusterId": CLUSTER, "NextToken": "a"},
            {"ClusterId": CLUSTER, "NextToken": "b"},
        ]

    def test_page_size_is_asked_for_on_every_page(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages(page(job(1, "New"), token="a"), page(job(2, "New"))) as server:
            hook_of(server).list_cluster_jobs(CLUSTER, page_size=1)
        assert [body["MaxResults"] for body in server.bodies] == [1, 1]

    def test_a_job_on_two_pages_is_one_as_it_was_last(self, hook_of: Callable[..., SnowballHook]) -> None:
        first = page(job(1, "New"), job(2, "New"), token="a")
        with Pages(first, page(job(2, "WithCustomer"), job(3, "New"))) as server:
            jobs = hook_of(server).list_cluster_jobs(CLUSTER)
        assert [(entry["JobId"], entry["JobState"]) for entry in jobs] == [
            (job_id(1), "New"),
            (job_id(2), "WithCustomer"),
            (job_id(3), "New"),
        ]

    def test_entries_without_an_id_are_all_kept(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages(page({"JobState": "New"}, {"JobState": "New"}, {})) as server:
            jobs = hook_of(server).list_cluster_jobs(CLUSTER)
        assert jobs == [{"JobState": "New"}, {"JobState": "New"}, {}]

    def test_a_page_without_the_key_is_empty(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages((200, {"NextToken": "a"}), page(job(1, "New"))) as server:
            assert ids(hook_of(server).list_cluster_jobs(CLUSTER)) == [job_id(1)]

    @pytest.mark.parametrize(
        "broken",
        [
            [page(job(9, "New"), token="a"), INVALID_TOKEN],
            [page(job(9, "New"), token="a"), page(token="b"), page(token="a")],
            [page(job(9, "New"), token="a"), page(token="a")],
        ],
        ids=["expired token", "token seen before", "same token twice"],
    )
    def test_a_listing_that_breaks_starts_again(
        self, broken: list[Page], hook_of: Callable[..., SnowballHook]
    ) -> None:
        with Pages(*broken, page(job(1, "New"), token="c"), page(job(2, "New"))) as server:
            jobs = hook_of(server).list_cluster_jobs(CLUSTER)
        assert ids(jobs) == [job_id(1), job_id(2)]
        assert "NextToken" not in server.bodies[len(broken)]

    def test_it_starts_again_three_times_at_most(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages(*[page(job(1, "New"), token="a"), INVALID_TOKEN] * 4) as server:
            hook = hook_of(server)
            with pytest.raises(ClientError, match="the token has expired"):
                hook.list_cluster_jobs(CLUSTER)
        assert len(server.requests) == 8

    def test_a_token_that_always_comes_back_is_an_error_that_may_pass(
        self, hook_of: Callable[..., SnowballHook]
    ) -> None:
        with Pages(page(job(1, "New"), token="a")) as server:
            hook = hook_of(server)
            with pytest.raises(RequestError) as caught:
                make_call(hook, ListClusterJobs(CLUSTER))
        assert caught.value.kind is ErrorKind.TRANSIENT
        assert len(server.requests) == 8

    def test_the_documented_example(self, hook_of: Callable[..., SnowballHook]) -> None:
        """The example of ListClusterJobs in AWS's API reference."""
        states = ["New"] * 5
        entries = [
            job(number, state, Description="") | {"CreationDate": 1480475524.0}
            for number, state in enumerate(states, 1)
        ]
        with Pages(page(*entries)) as server:
            jobs = hook_of(server).list_cluster_jobs(CLUSTER)
        assert {entry["CreationDate"].isoformat()[:19] for entry in jobs} <= {"2016-11-30T03:12:04"}
        assert [set(entry) for entry in jobs] == [
            {"JobId", "JobState", "IsMaster", "JobType", "SnowballType", "CreationDate", "Description"}
        ] * 5


class TestOtherCalls:
    def test_list_jobs(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages(page(job(1, "New"), token="a"), page(job(1, "Pending"))) as server:
            jobs = hook_of(server).list_jobs(page_size=100)
        assert [(entry["JobId"], entry["JobState"]) for entry in jobs] == [(job_id(1), "Pending")]
        assert server.requests[0] == ("ListJobs", {"MaxResults": 100})

    def test_list_clusters(self, hook_of: Callable[..., SnowballHook]) -> None:
        pages = (
            page({"ClusterId": CLUSTER}, token="a", key="ClusterListEntries"),
            page({"ClusterId": "other"}, key="ClusterListEntries"),
        )
        with Pages(*pages) as server:
            clusters = hook_of(server).list_clusters()
        assert clusters == [{"ClusterId": CLUSTER}, {"ClusterId": "other"}]

    def test_describe_cluster(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages((200, {"ClusterMetadata": {"ClusterState": "InUse"}})) as server:
            assert hook_of(server).describe_cluster(CLUSTER) == {"ClusterState": "InUse"}
        assert server.requests == [("DescribeCluster", {"ClusterId": CLUSTER})]

    def test_describe_job(self, hook_of: Callable[..., SnowballHook]) -> None:
        described = {"JobMetadata": {"JobId": job_id(1)}, "SubJobMetadata": [{"JobId": job_id(2)}]}
        with Pages((200, described)) as server:
            assert hook_of(server).describe_job(job_id(1)) == described


def test_aws_is_told_who_asks_as_by_the_base_class(hook_of: Callable[..., SnowballHook]) -> None:
    agents: list[str] = []

    def note(request: Any, **_: Any) -> None:
        agents.append(request.headers["User-Agent"].decode())

    class Asking:
        def execute(self) -> str | None:
            hook = hook_of(snowball)
            hook.conn.meta.events.register("before-send.snowball", note)
            hook.list_cluster_jobs(CLUSTER)
            return AwsGenericHook._find_operator_class_name("execute")

    with Pages(page()) as snowball:
        assert Asking().execute() == "Asking"
        assert SnowballHook._find_operator_class_name("nobody") is None
    assert len(agents) == 1
    assert "Caller/Asking " in agents[0]


class TestRetries:
    """Where nobody set any, the hook asks five times; whoever set some is obeyed."""

    def attempts(self, hook: SnowballHook, server: Pages) -> int:
        with pytest.raises(ClientError, match="try later"):
            hook.list_cluster_jobs(CLUSTER)
        return len(server.requests)

    def test_default(self, hook_of: Callable[..., SnowballHook]) -> None:
        with Pages(DOWN) as server:
            assert self.attempts(hook_of(server, retries=True), server) == 5

    def test_connection(self, hook_of: Callable[..., SnowballHook]) -> None:
        extra = {"config_kwargs": {"retries": {"mode": "standard", "total_max_attempts": 2}}}
        with Pages(DOWN) as server:
            assert self.attempts(hook_of(server, retries=True, extra=extra), server) == 2

    def test_caller(self, hook_of: Callable[..., SnowballHook]) -> None:
        config = {"retries": {"mode": "standard", "total_max_attempts": 3}}
        with Pages(DOWN) as server:
            assert self.attempts(hook_of(server, retries=True, config=config), server) == 3

    def test_environment(self, hook_of: Callable[..., SnowballHook], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
        with Pages(DOWN) as server:
            assert self.attempts(hook_of(server, retries=True), server) == 2

    def test_profile(
        self, hook_of: Callable[..., SnowballHook], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        profile = tmp_path / "config"
        profile.write_text("[default]\nretry_mode = standard\nmax_attempts = 2\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(profile))
        with Pages(DOWN) as server:
            assert self.attempts(hook_of(server, retries=True), server) == 2


class TestConnections:
    def test_one_that_is_named_and_unknown(self) -> None:
        with pytest.raises(SnowballConnectionError, match="'nobody_made_this' cannot be found") as caught:
            SnowballHook(aws_conn_id="nobody_made_this", region_name="us-east-1").list_cluster_jobs(CLUSTER)
        assert classify(caught.value).kind is ErrorKind.DENIED

    def test_the_default_one_keeps_the_amazon_providers_habit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Pages(page(job(1, "New"))) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SNOWBALL", server.endpoint_url)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
            assert ids(SnowballHook(region_name="us-east-1").list_cluster_jobs(CLUSTER)) == [job_id(1)]

    def test_none_is_botos_own_chain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Pages(page(job(1, "New"))) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SNOWBALL", server.endpoint_url)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
            hook = SnowballHook(aws_conn_id=None, region_name="us-east-1")
            assert ids(hook.list_cluster_jobs(CLUSTER)) == [job_id(1)]

    def test_no_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(
            "AIRFLOW_CONN_NO_REGION", json.dumps({"conn_type": "aws", "login": "a", "password": "b"})
        )
        with pytest.raises(RequestError) as caught:
            make_call(SnowballHook(aws_conn_id="no_region"), ListClusterJobs(CLUSTER))
        assert caught.value.kind is ErrorKind.DENIED
        assert "You must specify a region" in str(caught.value)

    def test_an_edited_one_has_another_fingerprint_that_tells_nothing(
        self, hook_of: Callable[..., SnowballHook]
    ) -> None:
        with Pages(page()) as server:
            first = hook_of(server).connection_fingerprint()
            assert hook_of(server).connection_fingerprint() == first
            assert (
                hook_of(server, extra={"role_arn": "arn:aws:iam::1:role/r"}).connection_fingerprint() != first
            )
        assert "testing" not in first


@pytest.mark.parametrize(
    ("error", "kind", "throttled"),
    [
        ("InvalidResourceException", ErrorKind.NOT_FOUND, False),
        ("ValidationException", ErrorKind.BAD_INPUT, False),
        ("AccessDeniedException", ErrorKind.DENIED, False),
        ("UnrecognizedClientException", ErrorKind.DENIED, False),
        ("ExpiredTokenException", ErrorKind.DENIED, False),
        ("ThrottlingException", ErrorKind.TRANSIENT, True),
        ("RequestLimitExceeded", ErrorKind.TRANSIENT, True),
        ("ServiceUnavailable", ErrorKind.TRANSIENT, False),
        ("InvalidNextTokenException", ErrorKind.TRANSIENT, False),
    ],
)
def test_api_errors_are_told_apart(
    error: str, kind: ErrorKind, throttled: bool, hook_of: Callable[..., SnowballHook]
) -> None:
    with Pages((400, {"__type": error, "Message": "its words"})) as server:
        hook = hook_of(server)
        with pytest.raises(RequestError) as caught:
            make_call(hook, ListClusterJobs(CLUSTER))
    assert (caught.value.kind, caught.value.code, caught.value.throttled) == (kind, error, throttled)
    assert str(caught.value).startswith(f"{error} when calling ListClusterJobs: its words")


def test_a_server_error_passes_whatever_its_code(hook_of: Callable[..., SnowballHook]) -> None:
    with Pages((500, {"__type": "Oops", "Message": "its words"})) as server:
        hook = hook_of(server)
        with pytest.raises(RequestError) as caught:
            make_call(hook, ListClusterJobs(CLUSTER))
    assert caught.value.kind is ErrorKind.TRANSIENT


def test_a_server_that_is_gone_passes(hook_of: Callable[..., SnowballHook]) -> None:
    with Pages(page()) as server:
        hook = hook_of(server)
    with pytest.raises(RequestError) as caught:
        make_call(hook, ListClusterJobs(CLUSTER))
    assert caught.value.kind is ErrorKind.TRANSIENT
    assert isinstance(caught.value.__cause__, botocore.exceptions.EndpointConnectionError)


def test_no_secret_is_logged(
    hook_of: Callable[..., SnowballHook], caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    with caplog.at_level(logging.DEBUG), Pages(page(job(1, "New"))) as server:
        hook = hook_of(server, password="planted-secret-value")
        hook.list_cluster_jobs(CLUSTER)
        assert "planted-secret-value" not in repr(hook)
    printed = capsys.readouterr()
    assert "planted-secret-value" not in caplog.text + printed.out + printed.err


def test_the_code_of_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    late, here = job(1, "InTransitToCustomer"), job(2, "WithCustomer")
    (code,) = blocks_of("python", Path(__file__).parents[2] / "docs" / "reference_hook.md")
    with Pages(page(late, here)) as server:
        made = {"conn_type": "aws", "login": "testing", "password": "testing"}
        extra = {"region_name": "eu-west-1", "endpoint_url": server.endpoint_url}
        monkeypatch.setenv("AIRFLOW_CONN_SITE_NORTH", json.dumps(made | {"extra": extra}))
        names: dict[str, Any] = {}
        exec(code, names)
    assert names["late"] == [late["JobId"]]
    assert names["hook"].find_region() == "us-east-1"


def test_a_region_of_the_configuration_goes_before_all(hook_of: Callable[..., SnowballHook]) -> None:
    """As botocore has it; in requests and in what is said of them."""
    with Pages(page(job(1, "New"))) as server:
        hook = hook_of(server, region_name="eu-west-1", config={"region_name": "ap-south-1"})
        assert hook.list_cluster_jobs(CLUSTER)
        assert hook.conn.meta.region_name == hook.find_region() == "ap-south-1"
        assert hook.where().startswith("region ap-south-1, ")
