"""Where the link to the console leads."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink, console_url
from tests.fakes.fleet_server import connection
from tests.fakes.scripted_snowball import ScriptedSnowball, job

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("us-east-1", "https://console.aws.amazon.com/snowfamily/home?region=us-east-1"),
        ("ap-southeast-2", "https://console.aws.amazon.com/snowfamily/home?region=ap-southeast-2"),
        ("cn-northwest-1", "https://console.amazonaws.cn/snowfamily/home?region=cn-northwest-1"),
        ("us-gov-west-1", "https://console.amazonaws-us-gov.com/snowfamily/home?region=us-gov-west-1"),
        ("us-iso-east-1", None),
        ("eusc-de-east-1", None),
        ("us-east-1&x=y", None),
        ("", None),
        (None, None),
    ],
)
def test_console(region: str | None, address: str | None) -> None:
    assert console_url(region) == address


def test_every_region_with_snowball_leads_to_its_partition() -> None:
    session = botocore.session.Session()
    hosts = {
        "aws": "console.aws.amazon.com",
        "aws-cn": "console.amazonaws.cn",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }
    regions = [(each, part) for part in hosts for each in session.get_available_regions("snowball", part)]
    assert len(regions) > 20
    for region, partition in regions:
        assert console_url(region) == f"https://{hosts[partition]}/snowfamily/home?region={region}"


class TaskInstance:
    """Keeps XComs, as Airflow's does."""

    def __init__(self) -> None:
        self.xcoms: dict[str, str] = {}
        self.pushes = 0

    def xcom_push(self, key: str, value: str) -> None:
        self.xcoms[key] = value
        self.pushes += 1


def context_of(ti: TaskInstance) -> Any:
    """Return what of a context the link looks at."""
    return {"ti": ti}


class TestFollow:
    CONSOLE = "https://console.aws.amazon.com/snowfamily/home?region=us-east-1"

    def follow(self, hook: SnowballHook) -> TaskInstance:
        ti = TaskInstance()
        SnowFamilyConsoleLink().follow(context_of(ti), hook.find_region, hook.when_local)
        assert ti.xcoms == {"_link_SnowFamilyConsoleLink": self.CONSOLE}
        return ti

    @pytest.mark.parametrize("user", ["", "user:secret@"])
    def test_a_local_snowball_is_known_by_its_first_answer(
        self, user: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with SnowballServer() as server:
            endpoint = server.endpoint_url.replace("//", f"//{user}")
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(endpoint))
            hook = SnowballHook()
            ti = self.follow(hook)
            with pytest.raises(ClientError, match="InvalidResource"):
                hook.list_cluster_jobs(CLUSTER)
            hook.list_clusters()
            assert ti.xcoms == {"_link_SnowFamilyConsoleLink": f"{server.endpoint_url}/_snowball/jobs"}
            assert ti.pushes == 2
            hook.close()

    def test_any_other_server_may_be_on_the_way_to_aws(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ScriptedSnowball([[job(1, "New")]]) as server:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", server.connection())
            hook = SnowballHook()
            ti = self.follow(hook)
            assert hook.list_cluster_jobs(CLUSTER)
            assert ti.pushes == 1
            hook.close()

    def test_without_a_client_there_is_no_link(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ti, hook = TaskInstance(), SnowballHook(aws_conn_id="nowhere")
        SnowFamilyConsoleLink().follow(context_of(ti), hook.find_region, hook.when_local)
        assert ti.xcoms == {}


class TestPersist:
    def test_it_is_kept_where_airflow_3_looks(self) -> None:
        ti = TaskInstance()
        SnowFamilyConsoleLink().persist(context_of(ti), lambda: console_url("eu-west-1"))
        assert ti.xcoms == {
            "_link_SnowFamilyConsoleLink": "https://console.aws.amazon.com/snowfamily/home?region=eu-west-1"
        }

    def test_no_address_is_kept_for_a_region_without_a_console(self) -> None:
        ti = TaskInstance()
        SnowFamilyConsoleLink().persist(context_of(ti), lambda: console_url("us-iso-east-1"))
        assert ti.xcoms == {}

    def test_what_goes_wrong_stays_here(self) -> None:
        def find_address() -> str:
            raise RuntimeError("no connection")

        SnowFamilyConsoleLink().persist(context_of(TaskInstance()), find_address)
        SnowFamilyConsoleLink().persist({}, lambda: console_url("eu-west-1"))
