"""
What happens to jobs is told as it happens: logged, and published to the topics that jobs name.

States follow from the clock, whether anybody looks or not. So somebody has to look: each request
does, each jump of the clock, and a thread while a server runs or a job names a topic.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from .jobs import Transition
from .notifications import notify
from .store import Store

__all__ = ["Newsroom"]

log = logging.getLogger(__name__)

#: Real seconds between two looks of the thread.
_INTERVAL = 0.05


class Newsroom:
    """
    Tells each transition of all stores once, in the order in which they happened.

    :param stores: returns those of every account and region.
    """

    def __init__(self, stores: Callable[[], Sequence[Store]]) -> None:
        self._stores = stores
        self._lock = threading.Lock()
        self._queue: deque[Transition] = deque()
        self._telling = False
        self._watchers = 0
        self._thread: threading.Thread | None = None

    def tell(self) -> None:
        """
        Tell what has happened since the last call.

        If another thread is at it, that one tells this, too: waiting for it could be waiting for
        oneself, as a subscriber may call Snowball while it is told.
        """
        with self._lock:
            stores = self._stores()
            news = [transition for store in stores for transition in store.news()]
            self._queue.extend(sorted(news, key=lambda each: (each.at, each.job.order)))
            self._keep_watch(stores)
            if self._telling or not self._queue:
                return
            self._telling = True
        try:
            while True:
                with self._lock:
                    if not self._queue:
                        self._telling = False
                        return
                    transition = self._queue.popleft()
                _tell(transition)
        except BaseException:
            with self._lock:
                self._telling = False
            raise

    def watch(self) -> None:
        """Tell all transitions as they happen, until :meth:`unwatch` was called as often."""
        with self._lock:
            self._watchers += 1
            self._keep_watch(())

    def unwatch(self) -> None:
        """Tell them only while a job names a topic, or when something is called."""
        with self._lock:
            self._watchers -= 1

    def _is_needed(self, stores: Iterable[Store]) -> bool:
        return self._watchers > 0 or any(store.has_topics for store in stores)

    def _keep_watch(self, stores: Iterable[Store]) -> None:
        if self._thread is None and self._is_needed(stores):
            self._thread = threading.Thread(target=self._watch, name="snowball-news", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            with self._lock:
                if not self._is_needed(self._stores()):
                    self._thread = None
                    return
            try:
                self.tell()
            except Exception:
                # Without this thread nothing would be told any more, and nobody would know.
                log.exception("Cannot tell what happened to the jobs; going on")


def _tell(news: Transition) -> None:
    if news.previous is not None:
        cluster_id = news.job.cluster_id
        log.info(
            "%s%s: %s -> %s (day %.1f)",
            news.job.job_id,
            f" of {cluster_id}" if cluster_id else "",
            news.previous,
            news.state,
            (news.at - news.job.created_at) / 86400,
        )
    notify(news)
