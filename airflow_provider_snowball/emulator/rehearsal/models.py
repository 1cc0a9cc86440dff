"""The backends of a rehearsal: those of the API, on simulated time, announcing what happens."""

from __future__ import annotations

from typing import Any

from moto.core.base_backend import BackendDict, backend_lock

from ..api import models as api
from .announcer import Announcer
from .faults import Faults
from .kept import KeptStore
from .links import url_of
from .steering import snowball_clock

__all__ = [
    "SnowballBackend",
    "all_backends",
    "announcer",
    "snowball_backends",
    "snowball_clock",
    "snowball_faults",
]

#: What goes wrong with requests, in all accounts and regions.
snowball_faults = Faults(snowball_clock)


class SnowballBackend(KeptStore, api.SnowballBackend):
    """Implementation of Snowball APIs, for one account and region, and what steers it."""

    def reset(self) -> None:
        """Forget everything, remove all faults and put the clock back to its usual speed."""
        super().reset()
        snowball_faults.clear()
        snowball_clock.reset()

    def announce(self) -> None:
        """Announce at once what has happened."""
        announcer.settle()

    def update_cluster(self, cluster_id: str, changes: dict[str, Any]) -> None:
        """Change a cluster that awaits its quorum; what its jobs inherited changes with it."""
        super().update_cluster(cluster_id, changes)
        self.note_topic(changes)

    def update_job(self, job_id: str, changes: dict[str, Any]) -> None:
        """Change a job that is New."""
        super().update_job(job_id, changes)
        self.note_topic(changes)

    def link(self, job_id: str, name: str, base_url: str) -> str:
        """Return the URI of a file of a job, below ``base_url``."""
        return url_of(base_url, self.account_id, self.region_name, job_id, name, self.clock.wall())

    def _of_all_regions(self) -> list[api.SnowballBackend]:
        return [each for each in all_backends() if each.account_id == self.account_id]


snowball_backends = BackendDict(SnowballBackend, "snowball")


def all_backends() -> list[SnowballBackend]:
    """Return the backend of every account and region that was used so far."""
    # moto adds to the dictionaries under this lock, in whatever thread asks first.
    with backend_lock:
        return [backend for _, _, backend in snowball_backends.iter_backends()]


#: Announces what happens to the jobs of all backends.
announcer = Announcer(all_backends)
snowball_clock.after_jump.append(announcer.settle)
