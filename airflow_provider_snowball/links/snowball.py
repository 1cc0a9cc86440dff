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
    Leads from a task to the Snow Family console of the region that it asks, or to a local Snowball's listing.

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

    def follow(
        self,
        context: Context,
        find_region: Callable[[], str | None],
        when_local: Callable[[Callable[[str], None]], None],
    ) -> None:
        """
        Keep the console's address for the UI, until an answer shows that a local Snowball is asked.

        :param find_region: returns the region that the task asks; may raise.
        :param when_local: has a function called with the local Snowball's address; may raise.
        """
        self.persist(context, lambda: console_url(find_region()))
        try:
            when_local(lambda address: self.persist(context, lambda: address))
        except Exception:
            log.debug("No client to follow", exc_info=True)

    def persist(self, context: Context, find_address: Callable[[], str | None]) -> None:
        """
        Keep an address for the UI. A link fails no task: where that is impossible, there is none.

        :param find_address: returns it, or None; may raise.
        """
        try:
            if address := find_address():
                context["ti"].xcom_push(key=self.xcom_key, value=address)
        except Exception:
            log.debug("No link to the console", exc_info=True)
