"""
Transitions of jobs are announced as they happen: logged, and published to the topics that jobs name.

An import that completes brings its objects.

States follow from the clock, whether anybody looks or not. So somebody has to look: each request
does, each jump of the clock, and a thread while a server runs or a job names a topic.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from .imported_objects import bring
from .notifications import notify
from .steering import SteeredStore
from .transition_queue import Transition

__all__ = ["Announcer"]

log = logging.getLogger(__name__)

#: Real seconds between two looks of the thread.
_INTERVAL = 0.05
#: Real seconds without any announcement after which :meth:`Announcer.settle` waits no longer.
_PATIENCE = 10.0


class Announcer:
    """
    Announces each transition of all stores once, in the order in which they happened.

    :param stores: returns those of every account and region.
    """

    def __init__(self, stores: Callable[[], Sequence[SteeredStore]]) -> None:
        self._stores = stores
        self._lock = threading.Lock()
        #: Notified after each announcement.
        self._progress = threading.Condition(self._lock)
        self._waiting: deque[tuple[SteeredStore, Transition]] = deque()
        self._taken = self._announced = 0
        #: The thread that announces, if one does.
        self._announcing: threading.Thread | None = None
        self._watchers = 0
        self._thread: threading.Thread | None = None

    def announce(self) -> None:
        """
        Announce what has happened since the last call.

        If another thread is at it, that one announces this, too: waiting for it could be waiting
        for oneself, as a subscriber may call Snowball while it is notified.
        """
        with self._lock:
            stores = self._stores()
            found = [(store, transition) for store in stores for transition in store.take_transitions()]
            self._waiting.extend(sorted(found, key=lambda each: (each[1].at, each[1].job.order)))
            self._taken += len(found)
            self._keep_watch(stores)
            if self._announcing is not None or not self._waiting:
                return
            self._announcing = threading.current_thread()
        try:
            while True:
                with self._lock:
                    if not self._waiting:
                        self._announcing = None
                        return
                    store, transition = self._waiting.popleft()
                try:
                    _announce(store, transition)
                finally:
                    with self._progress:
                        self._announced += 1
                        self._progress.notify_all()
        except BaseException:
            with self._progress:
                self._announcing = None
                self._progress.notify_all()
            raise

    def settle(self) -> None:
        """
        Announce what has happened, and return once it was announced, whichever thread did that.

        So that who moves the time finds what it brings. Gives up where nothing comes of it for some
        seconds: the other thread may be waiting for this one, if a subscriber steers while it is notified.
        """
        self.announce()
        with self._progress:
            until = self._taken
            while self._announced < until and self._announcing not in (None, threading.current_thread()):
                if not self._progress.wait(_PATIENCE):
                    return

    def watch(self) -> None:
        """Announce all transitions as they happen, until :meth:`unwatch` was called as often."""
        with self._lock:
            self._watchers += 1
            self._keep_watch(())

    def unwatch(self) -> None:
        """Announce them only while a job names a topic, or when something is called."""
        with self._lock:
            self._watchers -= 1

    def _is_needed(self, stores: Iterable[SteeredStore]) -> bool:
        return self._watchers > 0 or any(store.has_topics for store in stores)

    def _keep_watch(self, stores: Iterable[SteeredStore]) -> None:
        if self._thread is None and self._is_needed(stores):
            self._thread = threading.Thread(target=self._watch, name="snowball-announcer", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            with self._lock:
                if not self._is_needed(self._stores()):
                    self._thread = None
                    return
            try:
                self.announce()
            except Exception:
                # Without this thread nothing would be announced any more, and nobody would know.
                log.exception("Cannot announce what happened to the jobs; going on")


def _announce(store: SteeredStore, transition: Transition) -> None:
    if transition.previous is not None:
        cluster_id = transition.job.cluster_id
        log.info(
            "%s%s: %s -> %s (day %.1f)",
            transition.job.job_id,
            f" of {cluster_id}" if cluster_id else "",
            transition.previous,
            transition.state,
            (transition.at - transition.job.created_at) / 86400,
        )
    # Whoever is told that it is complete finds the objects.
    bring(transition, store.account_id, store.region_name)
    notify(transition)
