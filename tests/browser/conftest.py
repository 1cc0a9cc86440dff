"""Where the browser tests take place: one Airflow, one local Snowball, one browser for all of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_snowball.emulator.server import SnowballServer
from tests.fakes.one_answer import Refusal
from tests.fakes.sts_server import ARN, StsServer
from tests.system.airflow_processes import USER, AirflowProcesses, processes_of
from tests.system.local_airflow import local_airflow

if TYPE_CHECKING:
    from tests.browser.browser import Browser

HERE = Path(__file__).parent
#: Days take hours: nothing happens but what a test asks for.
SECONDS_A_DAY = 36000.0
GUEST = "guest"
#: Airflow may be one of several things that a host serves.
PATH = "/airflow"


@dataclass(frozen=True)
class Place:
    """Where the tests take place."""

    browser: Browser
    airflow: AirflowProcesses
    snowball: SnowballServer
    #: Refuses all that it is asked for.
    denying: Refusal

    @property
    def guests_password(self) -> str:
        """The password of a user who may see one DAG: Airflow makes it up."""
        return str(json.loads((self.airflow.home / "passwords.json").read_text())[GUEST])


@pytest.fixture(scope="package")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    pytest.importorskip("selenium", reason="browser tests need Selenium")
    from tests.browser.browser import CHROMIUM, DRIVER, Browser

    if not (CHROMIUM and DRIVER):
        pytest.skip("browser tests need Debian's packages chromium and chromium-driver, or the like")
    home = tmp_path_factory.mktemp("airflow")
    # Airflow looks for modules there.
    (home / "config").mkdir()
    shutil.copy(HERE / "home" / "rights.py", home / "config")
    denial = Refusal(
        "AccessDeniedException", f"User: {ARN} is not authorized to perform: snowball:{{operation}}"
    )
    with StsServer() as sts, denial as denying:
        settings = {
            "AWS_ENDPOINT_URL_STS": sts.endpoint_url,
            "AIRFLOW__CORE__AUTH_MANAGER": "rights.Rights",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{GUEST}:viewer",
        }
        more = [HERE / "home" / "page_dags.py"]
        with local_airflow(
            home, seconds_a_day=SECONDS_A_DAY, settings=settings, more_dags=more, path=PATH
        ) as (airflow, snowball):
            browser = Browser(airflow.url, pictures=request.config.getoption("--pictures"))
            try:
                browser.log_in(USER, airflow.password)
                yield Place(browser, airflow, snowball, denying)
            finally:
                browser.close()
    assert processes_of(home) == []
