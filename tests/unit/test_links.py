"""Where the link to the console leads."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import botocore.session
import pytest

from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink, console_url, local_url


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


class Snowball:
    """Lists jobs as a local Snowball does, or answers something else."""

    def __init__(self, content_type: str = "application/json", status: int = 200) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/_snowball/jobs" else 404)
                self.send_header("Content-Type", content_type)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def __enter__(self) -> Snowball:
        self.thread = Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class TestLocalSnowball:
    @pytest.mark.parametrize(
        "endpoint", ["http://127.0.0.1:{}", "http://127.0.0.1:{}/", "http://u:hunter2@127.0.0.1:{}"]
    )
    def test_it_lists_its_jobs(self, endpoint: str) -> None:
        with Snowball() as snowball:
            address = f"http://127.0.0.1:{snowball.port}/_snowball/jobs"
            assert local_url(endpoint.format(snowball.port)) == address

    @pytest.mark.parametrize("answer", [{"status": 404}, {"status": 500}, {"content_type": "text/html"}])
    def test_whoever_answers_otherwise_is_none(self, answer: dict[str, Any]) -> None:
        with Snowball(**answer) as snowball:
            assert local_url(f"http://127.0.0.1:{snowball.port}") is None

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://vpce-1a2b.snowball.us-east-1.vpce.amazonaws.com",
            "http://127.0.0.1:1",
            "http://",
            "http://127.0.0.1:none",
            "snowball:5055",
            "",
            None,
        ],
    )
    def test_nobody_is_asked_or_nobody_is_there(self, endpoint: str | None) -> None:
        assert local_url(endpoint) is None


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

    def test_a_local_snowball_goes_before_it(self) -> None:
        ti = self.TaskInstance()
        with Snowball() as snowball:
            endpoint = f"http://127.0.0.1:{snowball.port}"
            SnowFamilyConsoleLink().persist(self.context(ti), lambda: "eu-west-1", lambda: endpoint)
        assert ti.xcoms == {"_link_SnowFamilyConsoleLink": f"{endpoint}/_snowball/jobs"}

    def test_no_address_is_kept_for_a_region_without_a_console(self) -> None:
        ti = self.TaskInstance()
        SnowFamilyConsoleLink().persist(self.context(ti), lambda: "us-iso-east-1")
        assert ti.xcoms == {}

    def test_what_goes_wrong_stays_here(self) -> None:
        def find_region() -> str:
            raise RuntimeError("no connection")

        SnowFamilyConsoleLink().persist(self.context(self.TaskInstance()), find_region)
        SnowFamilyConsoleLink().persist({}, lambda: "eu-west-1")
