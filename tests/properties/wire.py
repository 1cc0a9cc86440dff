"""A history as raw bytes: its pages in three framings, and its faults as what AWS, or a proxy, sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.fakes.raw_server import answer
from tests.fakes.torn_answers import BROKE_OFF
from tests.fakes.wire_server import FRAMINGS, WireServer, framed
from tests.properties.histories import CLUSTER, Faults, History, Poll, histories
from tests.properties.reference import Trouble

__all__ = ["FAULTS", "WIRE_FAULTS", "HistoryServer", "Layout", "layouts", "wire_histories"]

#: How often a listing is begun before its shifting pages are an error.
MOST_ROUNDS = 4
_HTML = "<html><head><title>Sign in</title></head><body>Please sign in to the guest network</body></html>"


def _refusal(code: str, words: str, status: str = "400 Bad Request") -> bytes:
    return answer({"__type": code, "message": words}, status)


#: Answers to any call that another poll might not meet, by what is said of them.
PASSING: Mapping[str, bytes] = {
    "Rate exceeded": _refusal("ThrottlingException", "Rate exceeded"),
    "slow down": _refusal("TooManyRequestsException", "slow down", "429 Too Many Requests"),
    "try later": _refusal("ServiceUnavailable", "try later", "503 Service Unavailable"),
    BROKE_OFF: answer(b"{" + b" " * 39, length=5000),
    "it is empty": answer(b""),
    "it is no JSON object": answer(_HTML, Content_Type="text/html"),
    "503 when calling": answer("<html>the balancer is busy</html>", "503 Service Unavailable"),
    "to the guest network": answer(_HTML, "403 Forbidden", Content_Type="text/html"),
    "must be a": answer(
        {
            "JobListEntries": [{"JobId": 5}],
            "ClusterMetadata": {"ClusterId": 5},
            "JobMetadata": {"JobId": 5},
        }
    ),
    "but ['Ok']": answer({"Ok": True}),
    "cannot be read": answer(
        {
            "JobListEntries": [{"CreationDate": "soon"}],
            "ClusterMetadata": {"CreationDate": "soon"},
            "JobMetadata": {"CreationDate": "soon"},
        }
    ),
    # botocore says the same of what is torn in chunks, of nothing, and of what is no HTTP.
    "valid response from endpoint": framed(b'{"JobListEntries": []}', "chunked")[:-5],
    "ConnectionClosedError": b"",
    "Connection was closed before": b"garbage\r\n\r\n",
}
#: Those that a listing has only, as it has pages.
OF_LISTINGS = ("InvalidNextTokenException", "twice")
DENIED: Mapping[str, bytes] = {
    "not authorized": _refusal("AccessDeniedException", "not authorized"),
    "token is expired": _refusal("ExpiredTokenException", "The security token is expired"),
    "token is invalid": _refusal("UnrecognizedClientException", "The security token is invalid"),
}
FINAL: Mapping[str, bytes] = {
    "no such cluster": _refusal("InvalidResourceException", "no such cluster"),
    "no id": _refusal("ValidationException", "no id"),
}
_BYTES = {**PASSING, **DENIED, **FINAL, "no such job": _refusal("InvalidResourceException", "no such job")}
WIRE_FAULTS = [*PASSING, *DENIED, *OF_LISTINGS, *FINAL]


def _troubles(kind: str, *words: str) -> list[Trouble]:
    return [Trouble(kind, each) for each in words]


FAULTS = Faults(
    passing=st.sampled_from(_troubles("transient", *PASSING) + _troubles("denied", *DENIED) * 2),
    final=st.sampled_from([Trouble("not found", "no such cluster"), Trouble("bad input", "no id")]),
    of_listings=st.sampled_from(
        _troubles("transient", *PASSING, *OF_LISTINGS) + _troubles("denied", *DENIED) * 2
    ),
    late=False,
)


@dataclass(frozen=True)
class Layout:
    """
    How answers lie on the wire.

    :param page_size: jobs of a page.
    :param begins_well: whether a listing that fails has a good page before.
    :param shifts: how often the pages of a listing shift under its reader.
    :param repeats: whether each page but the first repeats a job of the one before, which has moved on since.
    """

    page_size: int
    framing: str
    begins_well: bool
    shifts: int
    repeats: bool


def layouts() -> st.SearchStrategy[Layout]:
    """Return layouts."""
    return st.builds(
        Layout,
        page_size=st.integers(1, 3),
        framing=st.sampled_from(FRAMINGS),
        begins_well=st.booleans(),
        shifts=st.sampled_from([0, 0, 0, 1, 3]),
        repeats=st.booleans(),
    )


def wire_histories() -> st.SearchStrategy[History]:
    """Return histories that can be told over the wire, where nothing says of a described job what it is."""
    return histories(faults=FAULTS).map(_as_told)


def _as_told(history: History) -> History:
    return replace(history, polls=[_poll_as_told(each) for each in history.polls])


def _poll_as_told(poll: Poll) -> Poll:
    jobs: dict[str, Any] = {}
    for job_id, found in poll.jobs.items():
        if isinstance(found, Trouble):
            jobs[job_id] = found
        else:
            jobs[job_id] = (found[0] | {"IsMaster": bool(found[1])}, found[1])
    return replace(poll, jobs=jobs)


class HistoryServer(WireServer):
    """
    The server, as a context manager: Snowball, as a history has it.

    Each listing that is begun is a poll, so that whoever polls need not tell.
    """

    def __init__(self) -> None:
        self.sent: set[str] = set()

    def serve(self, history: History, layout: Layout) -> None:
        """Begin a history."""
        self._history = history
        self._layout = layout
        self._rounds = 0
        #: How many listings were begun.
        self.polls = 0

    @property
    def _poll(self) -> Poll:
        return self._history.poll(max(self.polls - 1, 0))

    def answer(self, operation: str, body: dict[str, Any]) -> bytes:
        """Answer as the history has it at the present poll."""
        found: Any
        if operation in ("ListClusterJobs", "ListJobs"):
            return self._page(body.get("NextToken"))
        if operation == "DescribeCluster":
            assert body["ClusterId"] == CLUSTER
            found = self._poll.cluster()
            return self._whole(found, lambda: {"ClusterMetadata": {"ClusterState": found}})
        assert operation == "DescribeJob"
        found = self._poll.job(body["JobId"])
        return self._whole(found, lambda: _described(*found))

    def _whole(self, found: Any, told: Callable[[], dict[str, Any]]) -> bytes:
        if isinstance(found, Trouble):
            return self._trouble(found)
        return framed(json.dumps(told()).encode(), self._layout.framing)

    def _trouble(self, trouble: Trouble) -> bytes:
        self.sent.add(trouble.words)
        return _BYTES[trouble.words]

    def _page(self, token: str | None) -> bytes:
        """Answer a page; the token is the number of the jobs before it."""
        if token is None:
            self._begin_listing()
        found = self._poll.listing()
        if isinstance(found, Trouble):
            return self._page_of_trouble(found, token)
        if token is not None and self._rounds:
            return _refusal("InvalidNextTokenException", "the pages have shifted")
        start = int(token or 0)
        end = start + self._layout.page_size
        page: dict[str, Any] = {"JobListEntries": found[start:end]}
        if start and self._layout.repeats:
            # An entry that comes again says what has become of the job: it is the one that counts.
            page["JobListEntries"].insert(0, found[start - 1])
        if end < len(found):
            if self._layout.repeats:
                page["JobListEntries"][-1] = page["JobListEntries"][-1] | {"JobState": "Cancelled"}
            page["NextToken"] = str(end)
        return framed(json.dumps(page).encode(), self._layout.framing)

    def _begin_listing(self) -> None:
        """Count a poll, unless a listing whose pages have shifted is begun again."""
        if not self._rounds:
            self.polls += 1
            self._rounds = self._rounds_of_listing()
        self._rounds -= 1

    def _rounds_of_listing(self) -> int:
        found = self._poll.listing()
        if isinstance(found, Trouble):
            return MOST_ROUNDS if found.words in OF_LISTINGS else 1
        return 1 + self._layout.shifts if len(found) > self._layout.page_size else 1

    def _page_of_trouble(self, trouble: Trouble, token: str | None) -> bytes:
        if token is None and (self._layout.begins_well or trouble.words in OF_LISTINGS):
            entry = {"JobId": "JID123e4567-e89b-12d3-a456-426655440000", "JobState": "Complete"}
            page = {"JobListEntries": [entry], "NextToken": "more"}
            return framed(json.dumps(page).encode(), self._layout.framing)
        if trouble.words == "InvalidNextTokenException":
            self.sent.add(trouble.words)
            return _refusal(trouble.words, "the pages have shifted")
        if trouble.words == "twice":
            self.sent.add(trouble.words)
            return answer({"JobListEntries": [], "NextToken": "more"})
        return self._trouble(trouble)


def _described(job: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    told = [{key: value for key, value in each.items() if key != "IsMaster"} for each in (job, *parts)]
    return {"JobMetadata": told[0], **({"SubJobMetadata": told[1:]} if parts else {})}
