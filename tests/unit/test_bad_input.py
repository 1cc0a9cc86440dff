"""Wrong arguments fail as early as they can be known, and say what is wanted."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import botocore.exceptions
import pytest
from botocore.config import Config

from airflow_provider_snowball.compat import AirflowException
from airflow_provider_snowball.exceptions import SnowballPermanentError
from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator, ListClustersOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same class

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
JOB = "JID123e4567-e89b-12d3-a456-426655440000"

CLUSTER_ID_TEXT = (
    "cluster_id must be CID followed by a UUID, such as CID123e4567-e89b-12d3-a456-426655440000; got {!r}"
    " [SNB101]"
)
EACH_JOB_ID_TEXT = (
    "each of job_ids must be JID (or MID) followed by a UUID, "
    "such as JID123e4567-e89b-12d3-a456-426655440000; got {!r} [SNB102]"
)
JOB_IDS_TEXT = (
    "job_ids must be a list of job ids; got the {} {!r}. To pass another task's list, use its output "
    "(task.output), or a template with render_template_as_native_obj=True [SNB103]"
)
NO_JOB_IDS_TEXT = "job_ids must name at least one job; leave it out (None) to wait for all [SNB103]"
STATES_TEXT = (
    "New, Listing, Pending, PreparingAppliance, PreparingShipment, InTransitToCustomer, WithCustomer, "
    "InTransitToAWS, WithAWSSortingFacility, WithAWS, InProgress, Complete, Cancelled"
)
CONTRADICTION_TEXT = (
    "ignore_cancelled leaves out the very jobs that target_state Cancelled waits for [SNB107]"
)
MIN_JOBS_TEXT = "min_jobs must be a whole number of at least 1; got {!r} [SNB105]"
PAGE_SIZE_TEXT = "page_size must be a whole number from 1 to 100, or None; got {!r} [SNB105]"
OUTAGE_TEXT = (
    "outage_timeout must be a timedelta or a number of seconds, more than 0 and at most 100 years; got {!r}"
    " [SNB105]"
)
PASSWORD_TEXT = (
    "botocore_config['proxies'][{!r}] holds a password, which would be stored in clear; "
    "put the proxy into the Airflow connection's extra, under config_kwargs [SNB111]"
)

WRONG_CLUSTER_IDS = [
    "CID1",
    "123e4567-e89b-12d3-a456-426655440000",
    JOB,
    CLUSTER.lower(),
    f"{CLUSTER}0",
    f"{CLUSTER}\n",
    f" {CLUSTER}",
    "CID123e4567e89b12d3a456426655440000",
    "CID123g4567-e89b-12d3-a456-426655440000",
    "",
    None,
    5,
]
WRONG_JOB_IDS = ["JID1", CLUSTER, JOB.lower(), f"{JOB}0", f"{JOB}\n", "", None, 5]
#: With what each is taken for, if for anything.
WRONG_STATES: dict[Any, str] = {
    "Shipped": "; did you mean InTransitToCustomer?",
    "withcustomer": "; did you mean WithCustomer?",
    "WITH_CUSTOMER": "; did you mean WithCustomer?",
    "": "",
    None: "",
    5: "",
}


def wrong(name: str, value: Any, text: str, **others: Any) -> Any:
    # A repr with an address in it would be another id in each of pytest's processes.
    shown = type(value).__name__ if isinstance(value, Config) else f"{value!r:.40}"
    return pytest.param({name: value} | others, text, id=f"{name}={shown}")


AWS_ROWS = [
    wrong(
        "botocore_config",
        {"proxies": {"https": "http://user:hunter2@proxy.example:3128"}},
        PASSWORD_TEXT.format("https"),
    ),
    # A token alone may be a secret, too.
    wrong(
        "botocore_config",
        {"proxies": {"https": "http://hunter2@proxy.example"}},
        PASSWORD_TEXT.format("https"),
    ),
    wrong(
        "botocore_config", {"proxies": {"http": "user:hunter2@proxy.example"}}, PASSWORD_TEXT.format("http")
    ),
    wrong(
        "botocore_config",
        {"proxies": {"http": "http://proxy.example", "https": "https://:hunter2@proxy.example"}},
        PASSWORD_TEXT.format("https"),
    ),
    wrong(
        "botocore_config",
        {"proxies": "http://user:hunter2@proxy.example"},
        "botocore_config['proxies'] must be a dict of addresses by scheme; got a str [SNB111]",
    ),
    wrong(
        "botocore_config",
        Config(proxies={"https": "http://user:hunter2@proxy.example"}),
        "botocore_config must be a dict of arguments of botocore.config.Config, or None; got a Config"
        " [SNB111]",
    ),
]
DAYS = "max_days_in_state"
SENSOR_ROWS = [
    *(wrong("cluster_id", value, CLUSTER_ID_TEXT.format(value)) for value in WRONG_CLUSTER_IDS),
    wrong("cluster_id", [CLUSTER], CLUSTER_ID_TEXT.format([CLUSTER])),
    *(
        wrong(
            "target_state", value, f"target_state must be one of {STATES_TEXT}; got {value!r}{hint} [SNB104]"
        )
        for value, hint in WRONG_STATES.items()
    ),
    wrong("target_state", "Cancelled", CONTRADICTION_TEXT, ignore_cancelled=True),
    *(wrong("job_ids", [JOB, value], EACH_JOB_ID_TEXT.format(value)) for value in WRONG_JOB_IDS),
    wrong("job_ids", ["{{ params.job }}", "JID1"], EACH_JOB_ID_TEXT.format("JID1")),
    wrong("job_ids", f"{JOB},{JOB}", JOB_IDS_TEXT.format("str", f"{JOB},{JOB}")),
    wrong("job_ids", 5, JOB_IDS_TEXT.format("int", 5)),
    wrong("job_ids", [], NO_JOB_IDS_TEXT),
    *(
        wrong("min_jobs", value, MIN_JOBS_TEXT.format(value))
        for value in (0, -1, "0", "five", 1.5, True, None)
    ),
    *(
        wrong("outage_timeout", value, OUTAGE_TEXT.format(value))
        for value in (0, -1.5, "2 days", None, True, float("nan"), float("inf"))
    ),
    # What is shown is what is left of it: seconds.
    wrong("outage_timeout", timedelta(0), OUTAGE_TEXT.format(0.0)),
    wrong("max_wait", 0, OUTAGE_TEXT.format(0).replace("outage_timeout", "max_wait")),
    wrong("ignore_cancelled", "yes", "ignore_cancelled must be True or False; got the str 'yes' [SNB106]"),
    *(
        wrong("on_overdue", value, f'on_overdue must be "warn", "fail" or a notifier; got {value!r} [SNB106]')
        for value in ("notify me", None, 5)
    ),
    wrong(DAYS, {"Complete": 1}, f"{DAYS} cannot have Complete: no job leaves that state [SNB105]"),
    wrong(
        DAYS, {"New": 0}, f"{DAYS}['New'] must be a number of days above 0, at most 100 years; got 0 [SNB105]"
    ),
    wrong(
        DAYS,
        {"WithAWS": 5},
        f"{DAYS} can do nothing for WithAWS: a job in it is at or past WithCustomer, and is not waited for"
        " [SNB107]",
        target_state="WithCustomer",
    ),
    *(
        wrong(
            "on_overdue",
            value,
            "on_overdue can do nothing without max_days_in_state, the days that make jobs overdue [SNB107]",
        )
        for value in ("fail", print)
    ),
    wrong(
        "min_jobs",
        2,
        "min_jobs is 2, but job_ids names 1 jobs: so many are never listed among them [SNB107]",
        job_ids=[JOB],
    ),
    *(
        wrong(name, "yes", f"{name} must be True or False; got the str 'yes' [SNB106]")
        for name in ("deferrable", "start_from_trigger")
    ),
    *AWS_ROWS,
]
OPERATOR_ROWS = [
    *(wrong("cluster_id", value, CLUSTER_ID_TEXT.format(value)) for value in WRONG_CLUSTER_IDS),
    *(
        wrong(
            "job_states",
            ["Complete", value],
            f"each of job_states must be one of {STATES_TEXT}; got {value!r}{hint} [SNB104]",
        )
        for value, hint in WRONG_STATES.items()
    ),
    wrong("job_states", "Complete", "job_states must be a list of states; got the str 'Complete' [SNB104]"),
    wrong("job_states", 5, "job_states must be a list of states; got the int 5 [SNB104]"),
    *(wrong("page_size", value, PAGE_SIZE_TEXT.format(value)) for value in (0, 101, -1, "50", 1.0, True)),
    *AWS_ROWS,
]


def sensor(**arguments: Any) -> ClusterJobsSensor:
    return ClusterJobsSensor(**{"task_id": "wait", "cluster_id": CLUSTER} | arguments)


def operator(**arguments: Any) -> ListClusterJobsOperator:
    return ListClusterJobsOperator(**{"task_id": "list", "cluster_id": CLUSTER} | arguments)


class TestLiterals:
    @pytest.mark.parametrize(("arguments", "text"), SENSOR_ROWS)
    def test_sensor(self, arguments: dict[str, Any], text: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$") as error:
            sensor(**arguments)
        assert "hunter2" not in str(error.value)

    @pytest.mark.parametrize(("arguments", "text"), OPERATOR_ROWS)
    def test_operator(self, arguments: dict[str, Any], text: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$") as error:
            operator(**arguments)
        assert "hunter2" not in str(error.value)

    @pytest.mark.parametrize(
        "arguments",
        [
            {"target_state": "WithCustomer", "min_jobs": 16},
            {"min_jobs": "16"},
            {"job_ids": [JOB, "MID123E4567-E89B-12D3-A456-426655440000"]},
            {"job_ids": (JOB,)},
            {"target_state": "Cancelled"},
            {"ignore_cancelled": True},
            {"outage_timeout": 60},
            {"outage_timeout": timedelta(hours=1)},
            {"botocore_config": {"proxies": {"https": "http://proxy.example:3128"}}},
            {"botocore_config": {"read_timeout": 5, "proxies": None}},
            {"botocore_config": {}},
        ],
        ids=str,
    )
    def test_right_ones(self, arguments: dict[str, Any]) -> None:
        task: Any = sensor(**arguments)
        assert task.cluster_id == CLUSTER

    @pytest.mark.parametrize("page_size", [None, 1, 100])
    def test_right_page_sizes(self, page_size: int | None) -> None:
        assert operator(page_size=page_size).page_size == page_size


class TestTheOthers:
    """JobsSensor and ListClustersOperator, as far as they differ."""

    @pytest.mark.parametrize(
        ("job_ids", "text"),
        [
            (None, "job_ids must name the jobs to wait for; got None [SNB103]"),
            ([], "job_ids must name at least one job"),
            (f"{JOB},{JOB}", "job_ids must be a list of job ids; got the str"),
            (["JID1"], "each of job_ids must be JID"),
        ],
    )
    def test_jobs_sensor(self, job_ids: Any, text: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
            JobsSensor(task_id="wait", job_ids=job_ids)

    @pytest.mark.parametrize("argument", [{"min_jobs": 2}, {"cluster_id": CLUSTER}], ids=str)
    def test_jobs_sensor_knows_no_clusters(self, argument: dict[str, Any]) -> None:
        [name] = argument
        with pytest.raises((TypeError, AirflowException), match=name):
            JobsSensor(task_id="wait", job_ids=[JOB], **argument)

    @pytest.mark.parametrize("sensor_class", [ClusterJobsSensor, JobsSensor])
    def test_a_misspelt_argument(self, sensor_class: Any) -> None:
        required = {"cluster_id": CLUSTER} if sensor_class is ClusterJobsSensor else {"job_ids": [JOB]}
        with pytest.raises((TypeError, AirflowException), match="outage_time_out"):
            sensor_class(task_id="wait", outage_time_out=5, **required)

    @pytest.mark.parametrize(
        ("states", "text"),
        [
            (
                ["WithCustomer"],
                "each of cluster_states must be one of AwaitingQuorum, Pending, InUse, Complete, ",
            ),
            ("Pending", "cluster_states must be a list of states; got the str 'Pending' [SNB104]"),
        ],
    )
    def test_clusters(self, states: Any, text: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
            ListClustersOperator(task_id="list", cluster_states=states)

    def test_right_ones(self) -> None:
        ListClustersOperator(task_id="list", cluster_states=["InUse", "Pending"])
        task: Any = JobsSensor(task_id="wait", job_ids="{{ params.jobs }}")
        assert task.target_state == "Complete"


class TestNotJudgedWhenParsed:
    @pytest.mark.parametrize(
        "arguments",
        [
            {"cluster_id": "{{ params.cluster }}"},
            {"cluster_id": "CID{% raw %}{% endraw %}"},
            {"cluster_id": "{# a comment #}"},
            {"target_state": "{{ params.state }}", "ignore_cancelled": True},
            {"job_ids": "{{ params.jobs }}"},
            {"job_ids": [JOB, "{{ params.job }}"]},
            {"job_ids": ["{{ params.job }}"]},
            {"min_jobs": "{{ params.nodes }}"},
        ],
        ids=str,
    )
    def test_jinja_in_a_sensor(self, arguments: dict[str, Any]) -> None:
        task = sensor(**arguments)
        assert {name: getattr(task, name) for name in arguments} == arguments

    @pytest.mark.parametrize(
        "arguments",
        [
            {"cluster_id": "{{ params.cluster }}"},
            {"job_states": ["Complete", "{{ params.state }}"]},
            {"job_states": "{{ params.states }}"},
        ],
        ids=str,
    )
    def test_jinja_in_an_operator(self, arguments: dict[str, Any]) -> None:
        task = operator(**arguments)
        assert {name: getattr(task, name) for name in arguments} == arguments

    def test_outputs_of_other_tasks(self) -> None:
        with DAG(dag_id="outputs", schedule=None, start_date=datetime(2026, 1, 1)):
            jobs = operator()
            waits = [
                sensor(task_id="cluster", cluster_id=jobs.output),
                sensor(task_id="state", target_state=jobs.output),
                sensor(task_id="jobs", job_ids=jobs.output),
                sensor(task_id="job", job_ids=[JOB, jobs.output]),
                sensor(task_id="nodes", min_jobs=jobs.output),
                operator(task_id="relist", cluster_id=jobs.output, job_states=jobs.output),
            ]
        assert {task.task_id: task.upstream_task_ids for task in waits} == {
            task.task_id: {"list"} for task in waits
        }

    def test_an_output_beside_a_wrong_literal(self) -> None:
        with (
            DAG(dag_id="beside", schedule=None, start_date=datetime(2026, 1, 1)),
            pytest.raises(ValueError, match="each of job_ids must be JID"),
        ):
            sensor(job_ids=[operator().output, "JID1"])

    def test_expanded_cluster_ids(self) -> None:
        """Airflow makes no task of mapped values when it parses them: a wrong one fails in its own task."""
        with DAG(dag_id="mapped", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
            lists = ListClusterJobsOperator.partial(task_id="list").expand(cluster_id=[CLUSTER, "CID1"])
            waits = ClusterJobsSensor.partial(task_id="wait").expand(cluster_id=[CLUSTER, "CID1"])
        assert dag.task_ids == ["list", "wait"]
        # It is judged when it runs: what fails before that is retried, and soft_fail has no say
        # (tests/integration/test_dags.py).
        for mapped in (lists, waits):
            unmapped: Any = mapped.unmap({"cluster_id": "CID1"})
            assert unmapped.cluster_id == "CID1"
        with pytest.raises(SnowballPermanentError, match=f"^{re.escape(CLUSTER_ID_TEXT.format('CID1'))}$"):
            lists.unmap({"cluster_id": "CID1"}).execute({})


@pytest.fixture
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the id of a connection to a port that refuses every request."""
    with socket.socket() as bound_but_not_listening:
        bound_but_not_listening.bind(("127.0.0.1", 0))
        port = bound_but_not_listening.getsockname()[1]
        connection = {
            "conn_type": "aws",
            "login": "a-key",
            "password": "a-secret",
            "extra": {
                "region_name": "us-east-1",
                "endpoint_url": f"http://127.0.0.1:{port}",
                "config_kwargs": {"retries": {"total_max_attempts": 1}, "connect_timeout": 1},
            },
        }
        monkeypatch.setenv("AIRFLOW_CONN_NOBODY_THERE", json.dumps(connection))
        yield "nobody_there"


class TestRenderedValues:
    """What a literal would have met when the DAG was parsed is met when the task runs, before any request."""

    @pytest.mark.parametrize(
        ("rendered", "text"),
        [
            ({"cluster_id": "CID1"}, CLUSTER_ID_TEXT.format("CID1")),
            ({"cluster_id": None}, CLUSTER_ID_TEXT.format(None)),
            (
                {"target_state": "Shipped"},
                f"target_state must be one of {STATES_TEXT}; got 'Shipped'{WRONG_STATES['Shipped']} [SNB104]",
            ),
            ({"job_ids": [JOB, "JID1"]}, EACH_JOB_ID_TEXT.format("JID1")),
            ({"job_ids": f"['{JOB}']"}, JOB_IDS_TEXT.format("str", f"['{JOB}']")),
            ({"job_ids": []}, NO_JOB_IDS_TEXT),
            ({"min_jobs": "none"}, MIN_JOBS_TEXT.format("none")),
            ({"target_state": "Cancelled", "ignore_cancelled": True}, CONTRADICTION_TEXT),
        ],
        ids=str,
    )
    def test_sensor(self, nobody_there: str, rendered: dict[str, Any], text: str) -> None:
        task = sensor(aws_conn_id=nobody_there, mode="poke", deferrable=False)
        for name, value in rendered.items():
            setattr(task, name, value)
        with pytest.raises(SnowballPermanentError, match=f"^{re.escape(text)}$"):
            task.poke({})

    @pytest.mark.parametrize(
        ("rendered", "text"),
        [
            ({"cluster_id": "CID1"}, CLUSTER_ID_TEXT.format("CID1")),
            (
                {"job_states": ["Shipped"]},
                f"each of job_states must be one of {STATES_TEXT}; got 'Shipped'"
                f"{WRONG_STATES['Shipped']} [SNB104]",
            ),
            (
                {"job_states": "['New']"},
                "job_states must be a list of states; got the str \"['New']\" [SNB104]",
            ),
        ],
        ids=str,
    )
    def test_operator(self, nobody_there: str, rendered: dict[str, Any], text: str) -> None:
        task = operator(aws_conn_id=nobody_there)
        for name, value in rendered.items():
            setattr(task, name, value)
        with pytest.raises(SnowballPermanentError, match=f"^{re.escape(text)}$"):
            task.execute({})


BAD_CALLS: list[Any] = [
    *(
        pytest.param(
            lambda hook, value=value: hook.list_cluster_jobs(value),
            CLUSTER_ID_TEXT.format(value),
            id=f"list_cluster_jobs({value!r})",
        )
        for value in WRONG_CLUSTER_IDS
    ),
    pytest.param(
        lambda hook: hook.describe_cluster("CID1"), CLUSTER_ID_TEXT.format("CID1"), id="describe_cluster"
    ),
    *(
        pytest.param(
            lambda hook, value=value: hook.describe_job(value),
            EACH_JOB_ID_TEXT.format(value).replace("each of job_ids", "job_id"),
            id=f"describe_job({value!r})",
        )
        for value in WRONG_JOB_IDS
    ),
    *(
        pytest.param(call, PAGE_SIZE_TEXT.format(value), id=f"{name}(page_size={value!r})")
        for value in (0, 101, "50")
        for name, call in {
            "list_cluster_jobs": lambda hook, value=value: hook.list_cluster_jobs(CLUSTER, page_size=value),
            "list_jobs": lambda hook, value=value: hook.list_jobs(page_size=value),
            "list_clusters": lambda hook, value=value: hook.list_clusters(page_size=value),
        }.items()
    ),
]


class TestHook:
    @pytest.mark.parametrize(("call", "text"), BAD_CALLS)
    def test_fails_before_any_request(
        self, nobody_there: str, call: Callable[[SnowballHook], Any], text: str
    ) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            call(SnowballHook(aws_conn_id=nobody_there))

    @pytest.mark.parametrize(("call", "text"), BAD_CALLS)
    def test_fails_before_the_connection_is_looked_up(
        self, call: Callable[[SnowballHook], Any], text: str
    ) -> None:
        """Building a client may take requests, too: to STS, for a role."""
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            call(SnowballHook(aws_conn_id="nowhere_to_be_found"))

    @pytest.mark.parametrize(
        "call",
        [
            lambda hook: hook.list_cluster_jobs(CLUSTER, page_size=100),
            lambda hook: hook.list_jobs(),
            lambda hook: hook.list_clusters(page_size=1),
            lambda hook: hook.describe_cluster(CLUSTER),
            lambda hook: hook.describe_job(JOB),
        ],
        ids=["list_cluster_jobs", "list_jobs", "list_clusters", "describe_cluster", "describe_job"],
    )
    def test_right_arguments_do_reach_for_the_network(
        self, nobody_there: str, call: Callable[[SnowballHook], Any]
    ) -> None:
        with pytest.raises(botocore.exceptions.EndpointConnectionError, match=r"http://127\.0\.0\.1:"):
            call(SnowballHook(aws_conn_id=nobody_there))
