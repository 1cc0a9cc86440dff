"""Generated histories over HTTP, and listings of which any part is lost: none is ever taken for whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, seed, settings

from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
from airflow_provider_snowball.waiting.calls import ErrorKind, ListClusterJobs, RequestError
from tests.fakes.scripted_snowball import job_id
from tests.fakes.wire_server import FRAMINGS, WireServer, framed
from tests.properties.drives import Ask, play, play_reference
from tests.properties.histories import CLUSTER, History
from tests.properties.profile import examples
from tests.properties.reference import Trouble
from tests.properties.test_pure import agree
from tests.properties.triggerer import TRIGGER_MODES, play_in_triggerer
from tests.properties.wire import WIRE_FAULTS, HistoryServer, Layout, layouts, wire_histories

#: What a history has in it shows in so many polls, and each costs time here.
POLLS = 10
#: The part of a delay by which a poll of the triggerer may come early.
JITTER = 0.1


@contextmanager
def _hook_of(server: WireServer) -> Iterator[SnowballHook]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_PROPERTIES", server.connection())
        hook = SnowballHook(aws_conn_id="properties")
        yield hook
        hook.close()


@pytest.fixture(scope="module")
def server() -> Iterator[HistoryServer]:
    with HistoryServer() as server:
        yield server


@pytest.fixture(scope="module")
def ask(server: HistoryServer) -> Iterator[Ask]:
    """Return what makes a call over HTTP."""
    with _hook_of(server) as hook:
        yield lambda _poll, call: make_call(hook, call)


class TestHistories:
    @examples(200)
    @given(wire_histories(), layouts())
    def test_a_worker_ends_as_the_reference_says(
        self, server: HistoryServer, ask: Ask, history: History, layout: Layout
    ) -> None:
        server.serve(history, layout)
        outcome, delays = play(history, "poke", ask, POLLS)
        assert server.polls == outcome.polls
        polls, verdict = play_reference(history, delays, POLLS)
        agree(outcome, verdict)
        assert polls == outcome.polls

    @pytest.mark.parametrize(("mode", "patience"), TRIGGER_MODES.items(), ids=TRIGGER_MODES)
    @examples(100)
    @given(wire_histories(), layouts())
    def test_a_trigger_ends_as_the_reference_says(
        self,
        server: HistoryServer,
        ask: Ask,
        mode: str,
        patience: float,
        history: History,
        layout: Layout,
    ) -> None:
        server.serve(history, layout)
        outcome, delays = play_in_triggerer(history, mode, ask, POLLS)
        assert server.polls == outcome.polls
        polls, verdict = play_reference(history, delays, POLLS, patience=patience, jitter=JITTER)
        agree(outcome, verdict)
        assert polls == outcome.polls

    def test_they_are_of_every_kind(self) -> None:
        verdicts, faults = Counter[str](), Counter[str]()

        @seed(20261126)
        @settings(max_examples=600)
        @given(wire_histories())
        def count(history: History) -> None:
            _, verdict = play_reference(history, play(history, "poke", polls=POLLS)[1], POLLS)
            verdicts["goes on" if verdict is None else verdict.kind] += 1
            faults.update({each.answer.words for each in history.polls if isinstance(each.answer, Trouble)})

        count()
        shares = {kind: number / verdicts.total() for kind, number in verdicts.items()}
        for kind in ("done", "unreachable", "cluster_ended", "permanent", "transient", "outage", "timeout"):
            assert shares.get(kind, 0) >= 0.005, shares
        assert shares["done"] >= 0.05, shares
        assert min(faults[words] for words in WIRE_FAULTS) >= 6, faults


class Cut(WireServer):
    """
    A listing of three pages, in one of which, and every time, the answer is cut.

    :param answers: whole ones.
    """

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self.cut_page, self.kept = 0, 0

    def answer(self, operation: str, body: dict[str, Any]) -> bytes:
        """Answer the page that the token says."""
        number = int(body.get("NextToken", 0))
        whole = self._answers[number]
        return whole[: self.kept] if number == self.cut_page else whole


ENTRIES = [
    {"JobId": job_id(number), "JobState": "WithCustomer", "Description": "Gerät"} for number in range(3)
]
#: The last one ends with a line, without which it is as whole.
PAGES = [
    json.dumps(page, ensure_ascii=False).encode()
    for page in (
        {"JobListEntries": ENTRIES[:1], "NextToken": "1"},
        {"NextToken": "2", "JobListEntries": ENTRIES[1:2]},
        {"JobListEntries": ENTRIES[2:]},
    )
]
PAGES[2] += b"\n"


def _is_all_there(lost: bytes, framing: str) -> bool:
    """Tell whether the end of an answer can be done without: line breaks, where they do not count."""
    return not (lost if framing == "length" else lost.strip())


def _listed_by(hook: SnowballHook) -> Any:
    """Return a listing, or the kind of the error."""
    try:
        return make_call(hook, ListClusterJobs(CLUSTER))
    except RequestError as error:
        return error.kind


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("number", range(3), ids=["first page", "second page", "last page"])
def test_no_beginning_of_a_page_is_a_listing(number: int, framing: str) -> None:
    """At whatever byte an answer is cut, its head included: an error, or all of the list."""
    answers = [framed(page, framing) for page in PAGES]
    whole = 0
    with Cut(answers) as server, _hook_of(server) as hook:
        server.cut_page = number
        for server.kept in range(len(answers[number]) + 1):
            kept, lost = answers[number][: server.kept], answers[number][server.kept :]
            found = _listed_by(hook)
            if _is_all_there(lost, framing):
                assert found == ENTRIES, kept
                whole += 1
            else:
                assert found is ErrorKind.TRANSIENT, (kept, found)
    # The full length is one of them.
    assert whole >= 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_no_beginning_of_a_refusal_is_final_by_itself(framing: str) -> None:
    """What is left of a refusal is as it was, or an error that another poll might not meet."""
    body = json.dumps({"__type": "InvalidResourceException", "message": "no such cluster"}).encode()
    refusal = framed(body, framing, "400 Bad Request")
    refusals = 0
    with Cut([refusal]) as server, _hook_of(server) as hook:
        for server.kept in range(len(refusal) + 1):
            found = _listed_by(hook)
            if found is ErrorKind.NOT_FOUND:
                assert _is_all_there(refusal[server.kept :], "close")
                refusals += 1
            else:
                assert found is ErrorKind.TRANSIENT, refusal[: server.kept]
    assert refusals >= 1
