"""Wrong arguments of everything that takes any: what each meets, and when. One table, by who takes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from airflow_provider_snowball.compat import AirflowException
from airflow_provider_snowball.exceptions import SnowballPermanentError
from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.operators.cancel import CancelClusterOperator, CancelJobOperator
from airflow_provider_snowball.operators.create import CreateClusterOperator, CreateJobOperator
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator, ListClustersOperator
from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor
from airflow_provider_snowball.waiting import config as config_module
from airflow_provider_snowball.waiting.config import LONGEST_WAIT, WaitConfig

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same class

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
JOB = "JID123e4567-e89b-12d3-a456-426655440000"
OTHER = "JID123e4567-e89b-12d3-a456-426655440001"
INF, NAN = float("inf"), float("nan")
BOUNDS = "and at most 100 years; got"


def cluster_sensor(**arguments: Any) -> Any:
    return ClusterJobsSensor(**{"task_id": "wait", "cluster_id": CLUSTER} | arguments)


def jobs_sensor(**arguments: Any) -> Any:
    return JobsSensor(**{"task_id": "wait", "job_ids": [JOB]} | arguments)


def list_jobs(**arguments: Any) -> Any:
    return ListClusterJobsOperator(**{"task_id": "list", "cluster_id": CLUSTER} | arguments)


def list_clusters(**arguments: Any) -> Any:
    return ListClustersOperator(**{"task_id": "list"} | arguments)


@dataclass(frozen=True)
class Row:
    """
    Arguments, and a part of what is said of them.

    :param takers: who meets it; default: one of the sensors, which share the check.
    """

    arguments: dict[str, Any]
    says: str
    takers: tuple[Callable[..., Any], ...] = (cluster_sensor,)
    error: type[Exception] | tuple[type[Exception], ...] = ValueError


SENSORS = (cluster_sensor, jobs_sensor)
OPERATORS = (list_jobs, list_clusters)
DURATIONS = ("timeout", "poke_interval", "outage_timeout")
#: None of them is a duration, or can be reckoned with.
NO_DURATIONS: dict[str, Any] = {
    "timedelta.max": timedelta.max,
    "1e12": 1e12,
    "inf": INF,
    "-inf": -INF,
    "nan": NAN,
    "-1": -1,
    "timedelta(-1)": timedelta(-1),
    "text": "5 minutes",
    "digits": "300",
    "a template": "{{ params.seconds }}",
    "True": True,
    "a list": [300],
    "10**400": 10**400,
}
NO_FLAGS: list[Any] = ["true", "false", "", "{{ params.x }}", 0, 1, [], {"a": 1}, object]
PASSWORD = "hunter2"
IN_CLEAR = "holds a password, which would be stored in clear"
PROXIES: list[Any] = [
    {"https": f"http://user:{PASSWORD}@proxy.example:3128"},
    {"https": f"http://user:{PASSWORD}/x@proxy.example:3128"},
    {"https": f"http://{PASSWORD}@proxy.example"},
    {"https": f"user:{PASSWORD}@proxy.example"},
    {"http": "http://proxy.example", "https": f"https://:{PASSWORD}@proxy.example"},
    {"https": f"socks5://user:{PASSWORD}#?@proxy.example"},
]
WRONG_DAYS: list[Any] = [
    5,
    "New",
    ["New"],
    {"New": "5"},
    {"New": 0},
    {"New": -1},
    {"New": INF},
    {"New": NAN},
    {"New": 1e9},
    {"New": True},
    {"New": None},
    {"New": timedelta(days=1)},
    {"Shipped": 1},
    {"Complete": 1},
    {"Cancelled": 1},
    {5: 1},
]
ROWS = [
    *(
        # Airflow's sensors say it of their own.
        Row(
            {"max_wait": value},
            "max_wait",
        )
        for value in NO_DURATIONS.values()
    ),
    *(
        Row({name: value}, f"{name} must be a timedelta or a number of seconds")
        for name in DURATIONS
        for value in NO_DURATIONS.values()
    ),
    *(
        Row({name: 0}, f"{name} must be a timedelta or a number", SENSORS)
        for name in ("timeout", "outage_timeout")
    ),
    *(
        Row({name: value}, f"{name} must be True or False; got the {type(value).__name__} ", SENSORS)
        for name in (
            "ignore_cancelled",
            "deferrable",
            "start_from_trigger",
            "silent_fail",
            "exponential_backoff",
        )
        for value in (NO_FLAGS if name == "deferrable" else NO_FLAGS[1:2])
    ),
    *(
        Row({"target_state": word}, f"; did you mean {meant}?")
        for word, meant in {
            "withcustomer": "WithCustomer",
            "WITH_CUSTOMER": "WithCustomer",
            "With Customer": "WithCustomer",
            "with-customer": "WithCustomer",
            " WithCustomer ": "WithCustomer",
            "WithCustomr": "WithCustomer",
            "Complet": "Complete",
            "COMPLETE": "Complete",
            "Completed": "Complete",
            "Canceled": "Cancelled",
            "CANCELLED": "Cancelled",
            "InTransitToAws": "InTransitToAWS",
            "in transit to customer": "InTransitToCustomer",
            "inprogress": "InProgress",
        }.items()
    ),
    *(
        Row({"target_state": value}, "target_state must be one of New, Listing, Pending, ", SENSORS)
        for value in ("", "Lost", None, 5, True, ["Complete"])
    ),
    Row({"on_overdue": "fail"}, "on_overdue can do nothing without max_days_in_state", SENSORS),
    Row({"on_overdue": "fail", "max_days_in_state": {}}, "on_overdue can do nothing without"),
    Row({"on_overdue": print}, "on_overdue can do nothing without max_days_in_state"),
    *(
        Row({"on_overdue": value, "max_days_in_state": {"New": 1}}, "on_overdue must be")
        for value in ("Warn", "notify me", None, True, 5, ["warn"])
    ),
    *(
        Row(
            {"target_state": "WithCustomer", "max_days_in_state": {state: 3}},
            f"max_days_in_state can do nothing for {state}: a job in it is at or past WithCustomer",
        )
        for state in ("WithCustomer", "InTransitToAWS", "WithAWS")
    ),
    *(Row({"max_days_in_state": value}, "max_days_in_state") for value in WRONG_DAYS),
    Row({"job_ids": [JOB], "min_jobs": 5}, "min_jobs is 5, but job_ids names 1 jobs", (cluster_sensor,)),
    Row({"job_ids": [JOB, JOB], "min_jobs": 2}, "min_jobs is 2, but job_ids names 1", (cluster_sensor,)),
    Row({"job_ids": [JOB], "min_jobs": "2"}, "min_jobs is 2, but job_ids names 1", (cluster_sensor,)),
    *(
        Row({"job_ids": [JOB], "min_jobs": value}, "min_jobs must be a whole", (cluster_sensor,))
        for value in (0, -1, 1.5, True, None, "five", [1], INF)
    ),
    Row({"target_state": "Cancelled", "ignore_cancelled": True}, "ignore_cancelled leaves out", SENSORS),
    *(
        Row({"job_ids": value}, "job_ids", SENSORS)
        for value in (
            [],
            (),
            f"{JOB},{OTHER}",
            "",
            5,
            [None],
            [5],
            ["JID1"],
            [JOB.lower()],
            [f"{JOB}\n"],
            [f" {JOB}"],
            [[JOB]],
            [JOB, CLUSTER],
        )
    ),
    *(
        Row({"cluster_id": value}, "cluster_id must be CID followed by a UUID", (cluster_sensor, list_jobs))
        for value in ("", "CID1", JOB, CLUSTER.lower(), f"{CLUSTER}\n", None, 5, [CLUSTER])
    ),
    *(
        Row({"page_size": value}, "page_size must be a whole number from 1 to 100", (list_jobs,))
        for value in (0, 101, -1, 1.0, True, "50", "{{ params.size }}", INF)
    ),
    Row({"job_states": "Complete"}, "job_states must be a list of states", (list_jobs,)),
    Row({"job_states": ["Complete", "withcustomer"]}, "did you mean WithCustomer?", (list_jobs,)),
    Row({"job_states": [5]}, "each of job_states must be one of", (list_jobs,)),
    Row({"cluster_states": "Pending"}, "cluster_states must be a list of states", (list_clusters,)),
    Row({"cluster_states": ["New"]}, "each of cluster_states must be one of", (list_clusters,)),
    *(Row({"botocore_config": {"proxies": value}}, IN_CLEAR) for value in PROXIES),
    Row({"botocore_config": {"proxies": PROXIES[0]}}, IN_CLEAR, (jobs_sensor, *OPERATORS)),
    *(
        Row({"botocore_config": value}, "botocore_config")
        for value in (
            5,
            "{}",
            [("read_timeout", 5)],
            Config(read_timeout=5),
            {"client_cert": Path("cert.pem")},
            {"retries": {"total_max_attempts"}},
            {"read_timeout": object()},
            {"proxies": f"http://user:{PASSWORD}@proxy.example"},
            {"proxies": [f"http://user:{PASSWORD}@proxy.example"]},
        )
    ),
    *(
        Row({"misspelt_argument": 5}, "misspelt_argument", (taker,), (TypeError, AirflowException))
        for taker in (*SENSORS, *OPERATORS)
    ),
]


def _params(rows: list[Row]) -> list[Any]:
    params = []
    for row in rows:
        for taker in row.takers:
            name, value = next(iter(row.arguments.items()))
            shown = type(value).__name__ if " at 0x" in repr(value) else repr(value)
            more = f" and {len(row.arguments) - 1} more" if len(row.arguments) > 1 else ""
            params.append(pytest.param(taker, row, id=f"{taker.__name__}({name}={shown:.50}){more}"))
    return params


@pytest.mark.parametrize(("taker", "row"), _params(ROWS))
def test_when_the_dag_is_parsed(taker: Callable[..., Any], row: Row) -> None:
    with pytest.raises(row.error) as caught:
        taker(**row.arguments)
    assert row.says in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_the_table_is_long_enough() -> None:
    assert len(_params(ROWS)) >= 60


class TestConverted:
    def test_no_timeout_is_the_longest(self) -> None:
        assert cluster_sensor(timeout=None).timeout == LONGEST_WAIT.total_seconds() == 400 * 86400

    @pytest.mark.parametrize("make", [*SENSORS, *OPERATORS])
    def test_a_path_is_text(self, make: Callable[..., Any]) -> None:
        verify = make(verify=Path("/etc/ca.pem")).verify
        assert (type(verify), verify) == (str, "/etc/ca.pem")

    @pytest.mark.parametrize("make", [*SENSORS, *OPERATORS])
    def test_unsigned_has_a_word(self, make: Callable[..., Any]) -> None:
        config = make(botocore_config={"signature_version": UNSIGNED}).botocore_config
        assert json.loads(json.dumps(config)) == {"signature_version": "unsigned"}
        hook: Any = SnowballHook.of(botocore_config=config, aws_conn_id=None)
        assert hook.config.signature_version is UNSIGNED

    @pytest.mark.parametrize("interval", [0, 0.0, timedelta(0), 0.2])
    def test_polls_have_a_floor(self, interval: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        # The integration tests lower it for as long as they are run.
        monkeypatch.setattr(config_module, "SHORTEST_DELAY", 1.0)
        config = WaitConfig.read(
            {"cluster_id": CLUSTER, "poke_interval": cluster_sensor(poke_interval=interval).poke_interval}
        )
        now = datetime(2026, 1, 1)
        assert config.delay(now, now) >= 1

    def test_hours_and_days(self) -> None:
        assert cluster_sensor(timeout=timedelta(days=90)).timeout == 90 * 86400
        assert cluster_sensor(outage_timeout=timedelta(hours=3)).outage_timeout == timedelta(hours=3)


def _never_called(_sensor: Any, _context: Any) -> Any:
    raise AssertionError("no mode calls it")


class TestSubclasses:
    """What overrides a method that no mode calls would be ignored without a word."""

    @pytest.mark.parametrize("base", [ClusterJobsSensor, JobsSensor])
    def test_poke(self, base: Any) -> None:
        with pytest.raises(TypeError, match=r"overrides poke\(\), which no mode of a Snowball sensor calls"):
            type("Impatient", (base,), {"poke": _never_called})

    @pytest.mark.parametrize("base", [ClusterJobsSensor, JobsSensor])
    def test_poke_two_classes_on(self, base: Any) -> None:
        between = type("Between", (base,), {"ui_color": "#fff"})
        with pytest.raises(TypeError, match="Impatient overrides poke"):
            type("Impatient", (between,), {"poke": _never_called})

    def test_poke_of_a_mixin(self) -> None:
        mixin = type("Mixin", (), {"poke": _never_called})
        with pytest.raises(TypeError, match="poke"):
            type("Impatient", (mixin, ClusterJobsSensor), {})

    def test_all_else_is_free(self) -> None:
        sensor = type("Mine", (ClusterJobsSensor,), {"execute": _never_called})
        with pytest.raises(AssertionError):
            sensor(task_id="wait", cluster_id=CLUSTER).execute({})


#: The ways in which an operator can be given a botocore_config.
WAYS_IN: dict[str, Callable[[Any, Any], Any]] = {
    "an argument": lambda operator, config: operator(task_id="x", botocore_config=config, **_least(operator)),
    "default_args": lambda operator, config: operator(
        task_id="x", default_args={"botocore_config": config}, **_least(operator)
    ),
    "default_args of the DAG": lambda operator, config: _in_dag(operator, config),
    "partial": lambda operator, config: operator.partial(task_id="x", botocore_config=config),
    "default_args of partial": lambda operator, config: operator.partial(
        task_id="x", default_args={"botocore_config": config}
    ).expand(**{name: [value] for name, value in _least(operator).items()}),
    "default_args of the DAG of partial": lambda operator, config: _mapped_in_dag(operator, config),
    "expand": lambda operator, config: operator.partial(task_id="x", **_least(operator)).expand(
        botocore_config=[config]
    ),
    "expand_kwargs": lambda operator, config: operator.partial(task_id="x", **_least(operator)).expand_kwargs(
        [{"botocore_config": config}]
    ),
}


def _least(operator: Any) -> dict[str, Any]:
    least: dict[Any, dict[str, Any]] = {
        ClusterJobsSensor: {"cluster_id": CLUSTER},
        JobsSensor: {"job_ids": [JOB]},
        ListClusterJobsOperator: {"cluster_id": CLUSTER},
        ListClustersOperator: {"cluster_states": ["Pending"]},
    }
    return least[operator]


def _in_dag(operator: Any, config: Any) -> Any:
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1), default_args={"botocore_config": config}):
        return operator(task_id="x", **_least(operator))


def _mapped_in_dag(operator: Any, config: Any) -> Any:
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1), default_args={"botocore_config": config}):
        mapped = {name: [value] for name, value in _least(operator).items()}
        return operator.partial(task_id="x").expand(**mapped)


#: Ways that Airflow takes past the class, and why that cannot be seen.
_UNSEEN = {
    "default_args of the DAG of partial": "partial() is not given the default_args of the DAG",
    "expand": "no class of an operator is asked about what is expanded over",
    "expand_kwargs": "no class of an operator is asked about what is expanded over",
}


def _ways() -> list[Any]:
    return [
        pytest.param(way, marks=[pytest.mark.xfail(reason=_UNSEEN[way])] if way in _UNSEEN else [])
        for way in WAYS_IN
    ]


@pytest.mark.parametrize("way", _ways())
@pytest.mark.parametrize("operator", [ClusterJobsSensor, ListClustersOperator])
def test_no_way_in_for_a_password(operator: Any, way: str) -> None:
    """It would be stored with the DAG."""
    with pytest.raises(ValueError, match=IN_CLEAR) as caught:
        WAYS_IN[way](operator, {"proxies": {"https": f"http://user:{PASSWORD}@proxy.example"}})
    assert PASSWORD not in str(caught.value)


@dataclass(frozen=True)
class Rendered:
    """What templates came to, and what is said when the task runs; None: it is as if none were given."""

    values: dict[str, Any]
    says: str


class Undefined:
    """What a native template comes to whose param is missing."""

    def __repr__(self) -> str:
        return "Undefined"

    def __str__(self) -> str:
        return ""


#: One of everything that makes requests, in every mode in which a worker makes some.
MAKERS: dict[str, Callable[..., Any]] = {
    "poke": lambda **arguments: cluster_sensor(mode="poke", deferrable=False, **arguments),
    "reschedule": lambda **arguments: jobs_sensor(mode="reschedule", deferrable=False, **arguments),
    "deferrable": lambda **arguments: cluster_sensor(deferrable=True, **arguments),
    "start_from_trigger": lambda **arguments: cluster_sensor(start_from_trigger=True, **arguments),
    "list jobs": list_jobs,
    "list clusters": list_clusters,
    "cancel": lambda **arguments: CancelJobOperator(task_id="x", job_id=JOB, **arguments),
    "cancel cluster": lambda **arguments: CancelClusterOperator(task_id="x", cluster_id=CLUSTER, **arguments),
    "order": lambda **arguments: CreateJobOperator(task_id="x", **arguments),
    "order cluster": lambda **arguments: CreateClusterOperator(
        task_id="x",
        initial_cluster_size=5,
        address_id=f"ADID{CLUSTER[3:]}",
        shipping_option="NEXT_DAY",
        snowball_type="EDGE",
        **arguments,
    ),
    "verify": lambda **arguments: VerifyImportOperator(task_id="x", job_ids=[JOB], **arguments),
}
NEVER_ASKED = "nowhere_to_be_found"
WRONG_WHEN_RENDERED = [
    Rendered({"cluster_id": ""}, "cluster_id must be CID"),
    Rendered({"cluster_id": "None"}, "cluster_id must be CID"),
    Rendered({"cluster_id": Undefined()}, "cluster_id"),
    Rendered({"cluster_id": 5}, "cluster_id must be CID"),
    Rendered({"target_state": ""}, "target_state must be one of"),
    Rendered({"target_state": None}, "target_state must be one of"),
    Rendered({"target_state": "with customer"}, "did you mean WithCustomer?"),
    Rendered({"job_ids": ""}, "job_ids must be a list"),
    Rendered({"job_ids": "None"}, "job_ids must be a list"),
    Rendered({"job_ids": json.dumps([JOB])}, "render_template_as_native_obj=True"),
    Rendered({"job_ids": [""]}, "each of job_ids must be JID"),
    Rendered({"job_ids": [{"JobId": JOB, "JobState": "New"}]}, f"pass its JobId: {JOB!r}"),
    Rendered({"job_ids": [JOB, {"JobId": OTHER}]}, f"pass its JobId: {OTHER!r}"),
    Rendered({"job_ids": set()}, "job_ids must name at least one job"),
    Rendered({"job_ids": b"JID1"}, "job_ids"),
    Rendered({"job_ids": {JOB: "New"}.items()}, "each of job_ids must be JID"),
    Rendered({"target_state": {"state": "Complete"}}, "target_state must be one of"),
    Rendered({"cluster_id": {"ClusterId": CLUSTER}}, "cluster_id must be CID"),
    Rendered({"min_jobs": ""}, "min_jobs must be a whole number"),
    Rendered({"min_jobs": "5.0"}, "min_jobs must be a whole number"),
    Rendered({"min_jobs": "0"}, "min_jobs must be a whole number"),
    Rendered({"min_jobs": "3", "job_ids": [JOB, OTHER]}, "min_jobs is 3, but job_ids names 2"),
    Rendered({"region_name": ["us-east-1"]}, "region_name of the task must be text"),
    Rendered({"verify": "/no/such/file.pem"}, "verify of the task"),
    Rendered({"verify": 5}, "verify of the task"),
    Rendered({"aws_conn_id": NEVER_ASKED}, f"Airflow connection '{NEVER_ASKED}' cannot be found"),
]


class TestWhenTheTaskRuns:
    @pytest.mark.parametrize("row", WRONG_WHEN_RENDERED, ids=lambda row: f"{row.values!r:.60}")
    def test_sensor(self, row: Rendered) -> None:
        task = cluster_sensor(aws_conn_id=None, mode="poke", deferrable=False)
        for name, value in row.values.items():
            setattr(task, name, value)
        with pytest.raises(SnowballPermanentError) as caught:
            task.execute({})
        assert row.says in str(caught.value)

    @pytest.mark.parametrize(
        "row",
        [
            *(
                row
                for row in WRONG_WHEN_RENDERED
                if row.values.keys() <= {"cluster_id", "verify", "region_name"}
            ),
            Rendered({"job_states": ""}, "job_states must be a list of states"),
            Rendered({"job_states": ["canceled"]}, "did you mean Cancelled?"),
        ],
        ids=lambda row: f"{row.values!r:.60}",
    )
    def test_operator(self, row: Rendered) -> None:
        task = list_jobs(aws_conn_id=None)
        for name, value in row.values.items():
            setattr(task, name, value)
        with pytest.raises(SnowballPermanentError) as caught:
            task.execute({})
        assert row.says in str(caught.value)

    @pytest.mark.parametrize("came_to", [None, ""])
    @pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in MAKERS.items()])
    def test_a_connection_that_came_to_nothing(self, make: Callable[..., Any], came_to: Any) -> None:
        """What boto3 finds may be of another account."""
        task = make(aws_conn_id="{{ params.snow }}")
        task.aws_conn_id = came_to
        ti = SimpleNamespace(try_number=1, map_index=-1, dag_id="d", task_id="t", run_id="r")
        with pytest.raises(SnowballPermanentError, match=r"aws_conn_id was to name .*\[SNB117\]$"):
            task.execute({"ti": ti})

    def test_a_mapped_connection_that_came_to_nothing(self) -> None:
        task = ListClustersOperator.partial(task_id="x").expand(aws_conn_id=[""]).unmap({"aws_conn_id": ""})
        with pytest.raises(SnowballPermanentError, match=r"aws_conn_id was to name .*\[SNB117\]$"):
            task.execute({})

    @pytest.mark.parametrize(
        ("operator", "wrong", "says"),
        [
            (ListClusterJobsOperator, {"cluster_id": "CID1"}, "cluster_id must be CID"),
            (ListClusterJobsOperator, {"cluster_id": CLUSTER, "job_states": ["New", "Lost"]}, "job_states"),
            (ListClusterJobsOperator, {"cluster_id": CLUSTER, "page_size": 0}, "page_size"),
            (ListClustersOperator, {"cluster_states": ["Lost"]}, "cluster_states"),
            (CancelJobOperator, {"job_id": CLUSTER}, "job_id must be JID"),
            (CancelJobOperator, {"job_id": JOB, "fail_if_too_late": "no"}, "fail_if_too_late"),
            (CancelClusterOperator, {"cluster_id": JOB}, "cluster_id must be CID"),
            (CreateJobOperator, {"submit": "no", "idempotency_key": "north"}, "submit"),
            (CreateJobOperator, {"cluster_id": JOB, "idempotency_key": "north"}, "cluster_id must be CID"),
            (VerifyImportOperator, {"job_ids": [JOB], "use_logs": "no"}, "use_logs"),
        ],
        ids=str,
    )
    def test_a_mapped_value_is_final(self, operator: Any, wrong: dict[str, Any], says: str) -> None:
        """Airflow makes the task of it where no DAG is parsed, and retries what that raises."""
        mapped = operator.partial(task_id="x", aws_conn_id=None).expand(
            **{name: [value] for name, value in wrong.items()}
        )
        task = mapped.unmap(wrong)
        ti = SimpleNamespace(try_number=1, map_index=0, dag_id="d", task_id="x", run_id="r")
        with pytest.raises(SnowballPermanentError, match=says):
            task.execute({"ti": ti})

    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            ({"verify": ""}, {"verify": None}),
            ({"verify": "False"}, {"verify": False}),
            ({"verify": "true"}, {"verify": True}),
            ({"region_name": ""}, {"_region_name": None}),
            ({"aws_conn_id": ""}, {"aws_conn_id": None}),
        ],
        ids=str,
    )
    def test_an_optional_value_that_is_empty_is_none(
        self, arguments: dict[str, Any], found: dict[str, Any]
    ) -> None:
        hook = SnowballHook.of(**{"botocore_config": None, "aws_conn_id": None} | arguments)
        assert {name: getattr(hook, name) for name in found} == found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"verify": "/no/such/file.pem"}, "verify of the task must be true, false or the path"),
        ({"verify": 5}, "verify of the task must be true, false or the path"),
        ({"verify": ["/ca.pem"]}, "verify of the task"),
        ({"region_name": 5}, "region_name of the task must be text"),
        ({"region_name": ["us-east-1"]}, "region_name of the task must be text"),
        ({"config": "{}"}, "botocore_config of the task must be an object of options"),
        ({"config": {"nonsense": 1}}, "'nonsense', which is no option of botocore's Config"),
        ({"config": {"read_timeout": "5"}}, "read_timeout in botocore_config of the task"),
        ({"config": {"read_timeout": True}}, "read_timeout in botocore_config of the task"),
        ({"config": {"retries": 5}}, "retries in botocore_config of the task"),
        ({"config": {"retries": {"total_max_attempts": 0}}}, "botocore_config of the task"),
        ({"config": {"retries": {"attempts": 5}}}, "botocore_config of the task"),
        ({"config": {"parameter_validation": "yes"}}, "parameter_validation in botocore_config of the task"),
        ({"config": {"proxies": "http://proxy"}}, "proxies in botocore_config of the task"),
        ({"config": {"region_name": 5}}, "region_name in botocore_config of the task"),
    ],
    ids=str,
)
def test_the_hooks_own(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(AirflowException) as caught:
        SnowballHook(aws_conn_id=None, **arguments)
    assert type(caught.value).__name__ == "SnowballConnectionError"
    assert says in str(caught.value)
