"""Where the link to the console leads."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink, console_url


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


class TestPersist:
    class TaskInstance:
        """Keeps XComs, as Airflow's does."""

        def __init__(self) -> None:
            self.xcoms: dict[str, str] = {}

        def xcom_push(self, key: str, value: str) -> None:
            self.xcoms[key] = value

    def context(self, ti: TaskInstance) -> Any:
        """Return what of a context the link looks at."""
        return {"ti": ti}

    def test_it_is_kept_where_airflow_3_looks(self) -> None:
        ti = self.TaskInstance()
        SnowFamilyConsoleLink().persist(self.context(ti), lambda: "eu-west-1")
        assert ti.xcoms == {
            "_link_SnowFamilyConsoleLink": "https://console.aws.amazon.com/snowfamily/home?region=eu-west-1"
        }

    def test_no_address_is_kept_for_a_region_without_a_console(self) -> None:
        ti = self.TaskInstance()
        SnowFamilyConsoleLink().persist(self.context(ti), lambda: "us-iso-east-1")
        assert ti.xcoms == {}

    def test_what_goes_wrong_stays_here(self) -> None:
        def find_region() -> str:
            raise RuntimeError("no connection")

        SnowFamilyConsoleLink().persist(self.context(self.TaskInstance()), find_region)
        SnowFamilyConsoleLink().persist({}, lambda: "eu-west-1")
