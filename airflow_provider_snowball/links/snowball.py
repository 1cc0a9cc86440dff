"""The link from a task to the AWS Snow Family console. Imported at each parse of each DAG file: light."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_snowball.compat import BaseOperatorLink, xcom_of

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

__all__ = ["SnowFamilyConsoleLink", "console_url"]

log = logging.getLogger(__name__)

#: The console of each public partition (aws-cn, aws-us-gov, aws), by the form of its regions.
_CONSOLES = (
    (re.compile(r"cn-[a-z]+-[0-9]+"), "console.amazonaws.cn"),
    (re.compile(r"us-gov-[a-z]+-[0-9]+"), "console.amazonaws-us-gov.com"),
    (re.compile(r"[a-z]{2}-[a-z]+-[0-9]+"), "console.aws.amazon.com"),
)


def console_url(region: str | None) -> str | None:
    """
    Return the address of the Snow Family console of a region; None if the region has no public one.

    The console lists a region's jobs, those of clusters included, to choose from: AWS documents no address
    of a single job or cluster.

    .. seealso:: https://docs.aws.amazon.com/snowball/latest/developer-guide/jobstatuses.html
    """
    for regions, host in _CONSOLES:
        if regions.fullmatch(region or ""):
            return f"https://{host}/snowfamily/home?region={region}"
    return None


class SnowFamilyConsoleLink(BaseOperatorLink):
    """
    Leads from a task to the Snow Family console of the region that it asks.

    The address is an XCom of the task's, under the key that Airflow 3's UI looks at: it is there while
    the task runs or is deferred, as soon as a worker has had it. Airflow 2.11 calls :meth:`get_link`.
    """

    name = "AWS Snow Family console"

    @property
    def xcom_key(self) -> str:
        """The key of the XCom; Airflow's own choice from 3.0 on."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or an empty text if none is known."""
        return str(xcom_of(ti_key, self.xcom_key) or "")

    def persist(self, context: Context, find_region: Callable[[], str | None]) -> None:
        """
        Keep the address for the UI. A link fails no task: where that is impossible, there is none.

        :param find_region: returns the region that the task asks; may raise.
        """
        try:
            if address := console_url(find_region()):
                context["ti"].xcom_push(key=self.xcom_key, value=address)
        except Exception:
            log.debug("No link to the console", exc_info=True)
