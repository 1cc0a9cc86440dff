"""
Connections that somebody got wrong: found before any request, named, and never in another one's name.

The environment has credentials, a region and an endpoint of its own all the while. Whoever went on with them
would be seen: the endpoint counts.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import botocore.exceptions
import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_snowball.exceptions import SnowballConnectionError, SnowballPermanentError
from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator, ListClustersOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor
from airflow_provider_snowball.triggers import base as triggers
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from airflow_provider_snowball.waiting.calls import ListClusterJobs, RequestError
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Fail, FailKind, Wait, drive
from tests.fakes.raw_server import RawServer, answer
from tests.fakes.scripted_snowball import CLUSTER, job, job_id

CONN_ID = "malformed"
SECRET = "planted-SECRET-value"
ROLE = "arn:aws:iam::123456789012:role/airflow"
OBJECTS = ("config_kwargs", "service_config", "session_kwargs", "assume_role_kwargs")
TEXTS = (
    "region_name",
    "endpoint_url",
    "role_arn",
    "profile_name",
    "aws_session_token",
    "assume_role_method",
)


@dataclass(frozen=True)
class Row:
    """
    A connection, as an environment variable has it, and a part of what is said of it.

    :param extra: of a connection with a key; beside a region and an endpoint.
    :param stored: the whole connection, if it is another one.
    :param by_hook: what the hook raises.
    :param everywhere: whether it goes through sensors, operators and triggers as well: one of each kind.
    """

    name: str
    says: str
    extra: dict[str, Any] | None = None
    stored: str | None = None
    by_hook: type[Exception] = SnowballConnectionError
    everywhere: bool = True

    @property
    def is_named(self) -> bool:
        """Whether what is said has the connection's id: not where botocore refuses to make a client of it."""
        return self.by_hook is SnowballConnectionError

    def text(self, endpoint_url: str) -> str:
        """Return the connection."""
        if self.stored is not None:
            return self.stored
        return connection(
            extra={"region_name": "us-east-1", "endpoint_url": endpoint_url} | (self.extra or {})
        )


def connection(**members: Any) -> str:
    return json.dumps({"conn_type": "aws", "login": "AKIA", "password": SECRET} | members)


def whole(name: str, says: str, **members: Any) -> Row:
    return Row(name, says, stored=connection(**members))


NO_OBJECTS: list[Any] = ["text", [1], 5, True, '{"a":', "[1]"]
NO_TEXTS: list[Any] = [5, ["x"], {"a": SECRET}, True]
#: Airflow itself cannot read a connection then whose extra is no object.
IS_READ_STRICTLY = Version(airflow_version) < Version("3.2")
NO_JSON = "does not parse as a JSON object"
NO_OBJECT = "must be a JSON object"
CONFIGS: list[tuple[Any, str]] = [
    ({"nonsense": SECRET}, "'nonsense', which is no option"),
    ({"nonsense": 1}, "'nonsense', which is no option"),
    ({"read_timeout": "5"}, "read_timeout"),
    ({"read_timeout": True}, "read_timeout"),
    ({"connect_timeout": [5]}, "connect_timeout"),
    ({"retries": 5}, "retries"),
    ({"retries": {"total_max_attempts": "x"}}, "config_kwargs"),
    ({"retries": {"total_max_attempts": 0}}, "config_kwargs"),
    ({"retries": {"nonsense": SECRET}}, "config_kwargs"),
    ({"proxies": f"http://u:{SECRET}@proxy"}, "proxies"),
    ({"proxies": [f"http://u:{SECRET}@proxy"]}, "proxies"),
    ({"region_name": 5}, "region_name"),
    ({"max_pool_connections": "many"}, "max_pool_connections"),
    ({"parameter_validation": "yes"}, "parameter_validation"),
    ({"s3": 5}, "s3"),
    ({"user_agent_extra": ["x"]}, "user_agent_extra"),
]
TOKENS: dict[str, dict[str, Any]] = {
    "in the extra": {"aws_session_token": SECRET},
    "in session_kwargs": {"session_kwargs": {"aws_session_token": SECRET}},
}
UNKNOWN_ANSWER = "Airflow connection 'malformed'"
ROWS = [
    whole("extra with a trailing comma", NO_JSON, extra='{"region_name": "us-east-1",}'),
    whole("extra that is text", NO_JSON, extra="region_name=us-east-1"),
    whole("extra in Python's form", NO_JSON, extra="{'region_name': 'us-east-1'}"),
    whole("extra cut", NO_JSON, extra='{"aws_secret_access_key": "' + SECRET),
    whole("extra with a comment", NO_JSON, extra='{} // "region_name"'),
    whole("extra with NUL", NO_JSON, extra='{"a": "\0"}'),
    whole("extra that is a list", NO_OBJECT, extra="[1]"),
    whole("extra that is a list itself", NO_OBJECT, extra=[1]),
    whole("extra that is a number", NO_OBJECT, extra="5"),
    whole("extra that is true", NO_OBJECT, extra="true"),
    whole("extra that is a text in JSON", NO_JSON, extra='"x"'),
    whole(
        "extra encoded five times",
        NO_OBJECT,
        extra=json.dumps(json.dumps(json.dumps(json.dumps(json.dumps({}))))),
    ),
    Row("JSON cut", "cannot be read", stored='{"conn_type": "aws", "password": "' + SECRET + '"'),
    Row(
        "a raw / in the secret of a URI",
        "percent-encoded",
        stored=f"aws://AKIA:a/{SECRET}@/?region_name=us-east-1",
    ),
    Row("a raw [ in a URI", "cannot be read", stored=f"aws://AKIA:{SECRET}@[/?region_name=us-east-1"),
    Row("a port that is none", "cannot be read", stored=f"aws://AKIA:{SECRET}@h:port/?region_name=us-east-1"),
    whole("a member that nobody knows", UNKNOWN_ANSWER, nonsense=1),
    Row("a list", UNKNOWN_ANSWER, stored='["aws"]'),
    Row("a word", UNKNOWN_ANSWER, stored="aws"),
    Row("a text in JSON", UNKNOWN_ANSWER, stored='"aws"'),
    whole("another type", "'postgres', which is none for AWS", conn_type="postgres"),
    *(
        Row(
            f"{field} is {json.dumps(value)}",
            f"{field} in the extra",
            {field: value},
            everywhere=field == "config_kwargs" and value == 5,
        )
        for field in OBJECTS
        for value in (NO_OBJECTS if field == "config_kwargs" else NO_OBJECTS[:2])
    ),
    *(
        Row(f"{field} is {json.dumps(value)}", field, {field: value}, everywhere=field == "role_arn")
        for field in TEXTS
        for value in (NO_TEXTS if field == "region_name" else NO_TEXTS[2:3])
    ),
    *(
        Row(f"config_kwargs is {json.dumps(value)}", says, {"config_kwargs": value}, everywhere=number < 3)
        for number, (value, says) in enumerate(CONFIGS)
    ),
    Row("signature_version is 5", "signature_version", {"config_kwargs": {"signature_version": 5}}),
    *(
        Row(f"{option} is 'nonsense'", option, {"config_kwargs": {option: "nonsense"}}, by_hook=error)
        for option, error in {
            "signature_version": botocore.exceptions.UnknownSignatureVersionError,
            "defaults_mode": botocore.exceptions.InvalidDefaultsMode,
            "request_checksum_calculation": botocore.exceptions.InvalidChecksumConfigError,
        }.items()
    ),
    Row(
        "a proxy that is a number",
        "proxies",
        {"config_kwargs": {"proxies": {"https": 5}}},
    ),
    *(
        Row(f"verify is {json.dumps(value)}", "verify", {"verify": value})
        for value in ("/no/such.pem", "no", 5, [True], {"a": 1})
    ),
    *(
        Row(f"service_config is {json.dumps(value)}", "service_config", {"service_config": value})
        for value in ({"snowball": "x"}, {"snowball": [1]}, {"sts": 5}, {"snowball": "{"})
    ),
    Row(
        "an endpoint in service_config that is a number",
        "endpoint_url",
        {"service_config": {"snowball": {"endpoint_url": 5}}},
    ),
    Row("an endpoint that is no address", "Invalid endpoint", {"endpoint_url": "not an address"}),
    Row("an endpoint without a host", "Invalid endpoint", {"endpoint_url": "http://"}),
    Row(
        "an endpoint with a space and a password",
        "endpoint_url",
        {"endpoint_url": f"http://u:{SECRET}@a b"},
    ),
    Row("an endpoint by FTP", "endpoint", {"endpoint_url": f"ftp://u:{SECRET}@h"}),
    Row("an endpoint with a port that is none", "endpoint", {"endpoint_url": "http://h:x"}),
    Row(
        "a region with a line break",
        "region_name",
        {"region_name": "us-east-1\n"},
    ),
    Row(
        "a region that is none",
        "region",
        {"region_name": "us east 1"},
        by_hook=botocore.exceptions.InvalidRegionError,
    ),
    Row(
        "a profile that nobody made",
        "profile",
        {"profile_name": "nobody"},
        by_hook=botocore.exceptions.ProfileNotFound,
    ),
    Row(
        "a role that is none",
        "RoleArn",
        {"role_arn": "admin"},
        by_hook=botocore.exceptions.ParamValidationError,
    ),
    Row(
        "arguments for a role that nobody knows",
        "assume_role_kwargs",
        {"role_arn": ROLE, "assume_role_kwargs": {"nonsense": 1}},
        by_hook=botocore.exceptions.ParamValidationError,
    ),
    Row(
        "an ExternalId that is a number",
        "ExternalId",
        {"role_arn": ROLE, "assume_role_kwargs": {"ExternalId": 5}},
        by_hook=botocore.exceptions.ParamValidationError,
    ),
    Row("a way to a role that is none", UNKNOWN_ANSWER, {"role_arn": ROLE, "assume_role_method": "nonsense"}),
    Row("half a key by login", "half an access key", stored=connection(password=None)),
    Row("half a key by password", "half an access key", stored=connection(login=None)),
    *(
        Row(
            f"{half} alone in the extra",
            "half an access key",
            stored=json.dumps({"conn_type": "aws", "extra": {"region_name": "us-east-1", half: SECRET}}),
        )
        for half in ("aws_access_key_id", "aws_secret_access_key")
    ),
    Row(
        "half a key in session_kwargs",
        "half an access key",
        stored=json.dumps(
            {"conn_type": "aws", "extra": {"session_kwargs": {"aws_secret_access_key": SECRET}}}
        ),
    ),
    *(
        Row(
            f"a token without a key {where}",
            "a session token, and no access key",
            stored=json.dumps({"conn_type": "aws", "extra": {"region_name": "us-east-1"} | extra}),
        )
        for where, extra in TOKENS.items()
    ),
    *(
        Row(
            f"{field} in session_kwargs is a number",
            f"{field} in session_kwargs",
            {"session_kwargs": {"aws_access_key_id": "AKIA", "aws_secret_access_key": SECRET, field: 5}},
        )
        for field in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    ),
    Row(
        "a profile in session_kwargs",
        "'profile_name', which is not read there",
        stored=json.dumps({"conn_type": "aws", "extra": {"session_kwargs": {"profile_name": "nobody"}}}),
    ),
    Row(
        "another region in session_kwargs",
        "'region_name', which is not read there",
        {"session_kwargs": {"region_name": "eu-west-1"}},
    ),
    *(
        Row(
            f"{method} without what it needs",
            needed,
            {"role_arn": ROLE, "assume_role_method": method},
        )
        for method, needed in {
            "assume_role_with_saml": "needs assume_role_with_saml",
            "assume_role_with_web_identity": "needs assume_role_with_web_identity_federation",
        }.items()
    ),
    Row(
        "SAML that is text",
        "assume_role_with_saml in the extra",
        {"role_arn": ROLE, "assume_role_method": "assume_role_with_saml", "assume_role_with_saml": "x"},
    ),
    Row(
        "certificates in the place of their path",
        "verify of Airflow connection",
        {"verify": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n" * 200},
    ),
    Row("a login that is a number", UNKNOWN_ANSWER, stored=connection(login=5)),
    Row("a password that is a list", UNKNOWN_ANSWER, stored=connection(password=[SECRET])),
    *(
        Row(f"a password with {name}", "password of Airflow connection", stored=connection(password=password))
        for name, password in {
            "a line break": f"{SECRET}\n",
            "a carriage return": f"{SECRET}\r",
            "a space": f" {SECRET}",
            "an umlaut": f"{SECRET}ü",
            "NUL": f"{SECRET}\0",
            "a line break within": f"planted\n{SECRET}",
        }.items()
    ),
    Row("a login with a line break", "login of Airflow connection", stored=connection(login="AKIA\n")),
    *(
        Row(f"{field} with a line break", field, {field: f"{SECRET}\n"} | more)
        for field, more in {
            "aws_session_token": {},
            "aws_access_key_id": {"aws_secret_access_key": SECRET},
            "aws_secret_access_key": {"aws_access_key_id": "AKIA"},
        }.items()
    ),
    Row(
        "a token with a line break in session_kwargs",
        "aws_session_token",
        {"session_kwargs": {"aws_session_token": f"{SECRET}\n"}},
    ),
]


def rows(chosen: Iterable[Row]) -> list[Any]:
    """Return rows for parametrize."""
    return [pytest.param(row, id=row.name) for row in chosen]


EVERYWHERE = [row for row in ROWS if row.everywhere]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """Return what counts requests, whoever makes them, and has the environment's credentials lead there."""
    everything = answer({"JobListEntries": [job(1, "New")], "ClusterListEntries": []})
    with RawServer(lambda _body, _number: everything) as server:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "ambient",
            "AWS_SECRET_ACCESS_KEY": "ambient",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": server.endpoint_url,
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def store(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", text)


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.fixture
def stored(request: pytest.FixtureRequest, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> Row:
    """Store the connection of a row."""
    row: Row = request.param
    store(monkeypatch, row.text(server.endpoint_url))
    return row


class TestBeforeTheFirstAnswer:
    @pytest.mark.parametrize("stored", rows(ROWS), indirect=True)
    def test_hook(self, stored: Row, server: RawServer) -> None:
        with pytest.raises(stored.by_hook) as caught:
            SnowballHook(aws_conn_id=CONN_ID).list_cluster_jobs(CLUSTER)
        assert server.requests == []
        assert SECRET not in shown(caught.value)
        if stored.by_hook is SnowballConnectionError:
            assert CONN_ID in str(caught.value)
            assert stored.says in str(caught.value)

    @pytest.mark.parametrize("stored", rows(EVERYWHERE), indirect=True)
    def test_tasks(self, stored: Row, server: RawServer) -> None:
        """All of them permanent: no retry is burnt."""
        tasks: list[Any] = [
            ClusterJobsSensor(
                task_id="a", cluster_id=CLUSTER, aws_conn_id=CONN_ID, mode="poke", deferrable=False
            ),
            JobsSensor(task_id="b", job_ids=[job_id(1)], aws_conn_id=CONN_ID, deferrable=True),
            ListClusterJobsOperator(task_id="c", cluster_id=CLUSTER, aws_conn_id=CONN_ID),
            ListClustersOperator(task_id="d", aws_conn_id=CONN_ID),
        ]
        for task in tasks:
            with pytest.raises(SnowballPermanentError) as caught:
                task.execute({})
            assert not stored.is_named or CONN_ID in str(caught.value)
            assert stored.says in str(caught.value)
            assert SECRET not in shown(caught.value)
            assert len(str(caught.value)) < 1000
        assert server.requests == []

    @pytest.mark.parametrize("stored", rows(ROWS), indirect=True)
    def test_the_form(self, stored: Row, server: RawServer) -> None:
        """The test of a connection never raises."""
        ok, message = SnowballHook(aws_conn_id=CONN_ID).test_connection()
        assert not ok
        assert server.requests == []
        assert SECRET not in message

    @pytest.mark.parametrize("stored", rows(EVERYWHERE), indirect=True)
    def test_triggerer(self, stored: Row, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(triggers, "_PATIENCE", timedelta(seconds=0.001))
        event = self.end()
        assert (event["status"], event["kind"]) == ("failed", "permanent")
        assert stored.says in event["message"]
        assert not stored.is_named or CONN_ID in event["message"]
        assert SECRET not in json.dumps(event)
        assert server.requests == []

    @pytest.mark.parametrize("stored", rows(EVERYWHERE), indirect=True)
    def test_after_it_has_had_one(self, stored: Row, server: RawServer) -> None:
        """Somebody has edited the connection, and may mend it."""
        now = datetime.now(UTC).isoformat()
        event = self.end(memory={"started_at": now, "listed_at": now})
        assert (event["status"], event["kind"]) == ("failed", "outage")
        assert not stored.is_named or CONN_ID in event["message"]
        assert SECRET not in json.dumps(event)
        assert server.requests == []

    def end(self, **arguments: Any) -> dict[str, Any]:
        async def run() -> list[Any]:
            trigger = ClusterJobsTrigger(
                cluster_id=CLUSTER,
                aws_conn_id=CONN_ID,
                poke_interval=0.0,
                # So short that the second poll ends it, before a part of it would be kept.
                outage_timeout=1e-6,
                **arguments,
            )
            assert SECRET not in repr(trigger) + repr(trigger.serialize())
            return [event.payload async for event in trigger.run()]

        [event] = asyncio.run(run())
        return dict(event)


class TestAfterAnAnswer:
    """A worker's wait goes on while its connection is malformed, and ends well once it is mended."""

    @pytest.mark.parametrize(
        "name",
        [
            "extra with a trailing comma",
            "config_kwargs is 5",
            "half a key by login",
            "another type",
            "aws_session_token with a line break",
        ],
    )
    def test_a_worker(self, name: str, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
        [row] = [row for row in ROWS if row.name == name]
        now = datetime(2026, 1, 1, tzinfo=UTC)
        wait = Wait(WaitConfig.read({"cluster_id": CLUSTER, "outage_timeout": 900}), started_at=now)

        def poll() -> Any:
            listing: Any
            try:
                listing = make_call(SnowballHook(aws_conn_id=CONN_ID), ListClusterJobs(CLUSTER))
            except RequestError as error:
                listing = error
            return drive(wait.judge(listing, lambda: now), lambda _call: {})

        good = connection(extra={"region_name": "us-east-1", "endpoint_url": server.endpoint_url})
        store(monkeypatch, good)
        assert isinstance(poll(), Again)
        store(monkeypatch, row.text(server.endpoint_url))
        step = poll()
        assert isinstance(step, Again)
        # That is how the edit will be seen.
        assert step.new_client
        store(monkeypatch, good)
        assert isinstance(poll(), Again)
        store(monkeypatch, row.text(server.endpoint_url))
        assert isinstance(poll(), Again)
        now += timedelta(seconds=wait.config.outage_timeout)
        step = poll()
        assert isinstance(step, Fail)
        assert step.kind is FailKind.OUTAGE


def uri(**extra: Any) -> str:
    """Return a connection as a URI, with what is no text in JSON."""
    query = {key: value if isinstance(value, str) else json.dumps(value) for key, value in extra.items()}
    return f"aws://AKIA:{quote(SECRET, safe='')}@/?{urlencode(query)}"


BASE: dict[str, Any] = {"region_name": "eu-west-1", "config_kwargs": {"read_timeout": 7}}
UNDERSTOOD: dict[str, str] = {
    "objects": connection(extra=BASE),
    "JSON text in a URI": uri(**BASE),
    "an extra encoded twice": connection(extra=json.dumps(json.dumps(BASE))),
    "an object in it encoded once more": connection(extra=BASE | {"config_kwargs": '{"read_timeout": 7}'}),
    "an object in it encoded twice more": connection(
        extra=BASE | {"config_kwargs": json.dumps('{"read_timeout": 7}')}
    ),
    "all of it in a URI": "aws://AKIA:x@/?__extra__=" + quote(json.dumps(BASE)),
    "empty fields": connection(extra=BASE | dict.fromkeys(("role_arn", "endpoint_url", "verify"), "")),
    "null fields": connection(extra=BASE | dict.fromkeys(("role_arn", "service_config", "verify"))),
    "blanks for an object": connection(extra=BASE | {"service_config": "  "}),
    "a service's settings as text": connection(extra=BASE | {"service_config": {"sts": "{}"}}),
}
UNDERSTOOD["session_kwargs that say the same, or nothing"] = connection(
    extra=BASE
    | {"session_kwargs": {"region_name": "eu-west-1", "profile_name": None, "aws_session_token": ""}}
)
if IS_READ_STRICTLY:
    del UNDERSTOOD["an extra encoded twice"]


class TestUnderstood:
    @pytest.mark.parametrize("name", UNDERSTOOD)
    def test_what_is_meant(self, name: str, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
        store(monkeypatch, UNDERSTOOD[name])
        hook: Any = SnowballHook(aws_conn_id=CONN_ID)
        assert len(hook.list_cluster_jobs(CLUSTER)) == 1
        assert (hook.conn_region_name, hook.config.read_timeout) == ("eu-west-1", 7)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            ("False", False),
            ("false", False),
            (" FALSE ", False),
            ("True", True),
            ("true", True),
            (False, False),
            (True, True),
        ],
    )
    @pytest.mark.parametrize("form", [uri, lambda **extra: connection(extra=extra)], ids=["URI", "JSON"])
    def test_booleans(
        self, said: Any, meant: bool, form: Any, server: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store(monkeypatch, form(region_name="us-east-1", verify=said))
        assert SnowballHook(aws_conn_id=CONN_ID).verify is meant

    def test_a_ca_bundle(self, server: RawServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.write_text("")
        store(monkeypatch, uri(region_name="us-east-1", verify=str(bundle)))
        assert SnowballHook(aws_conn_id=CONN_ID).verify == str(bundle)


def test_names_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
