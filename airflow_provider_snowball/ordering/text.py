"""What a person is told of an order that failed for good, and what they can do."""

from __future__ import annotations

from airflow_provider_snowball.ordering.machine import Fail, Why

__all__ = ["words_of"]

_ANEW = "A new run of the DAG, or another idempotency_key, orders anew"
_UNKNOWN = (
    "{what} may have been ordered: no answer says so, and no listing has it. It is not ordered again by "
    "itself. Look for its marker in the Description of the account's jobs and clusters, and in CloudTrail. "
    "If it is there, clear this task, which then takes it. If not: {anew} [SNB604]"
)
_WORDS = {
    Why.REFUSED: "{what} was not ordered, since AWS refuses it: {words} [SNB602]",
    Why.UNKNOWN: _UNKNOWN,
    Why.TWO: (
        "{what} is there more than once: {ids}. Cancel what is too much with {cancel}, soon: a job is "
        "cancelled without a charge while it is New. Then clear this task [SNB605]"
    ),
    Why.CANCELLED: "{what} was cancelled: {ids}. It is not ordered again. {anew} [SNB606]",
    Why.NOT_OURS: (
        "{what} is there already, and this task has not ordered it: {ids}. A run of the same name may have, "
        "that was deleted. {anew} [SNB607]"
    ),
    Why.DIFFERENT: "{what} is {ids}, and not as asked for: {words}. {anew} [SNB608]",
    Why.ELSEWHERE: (
        "{what} was, or may have been, ordered elsewhere: {words} {ids}. Set the connection back. If nothing "
        "is there: {anew} [SNB609]"
    ),
}


def words_of(fail: Fail, what: str, cancel: str) -> str:
    """
    Return the words for an order's end.

    :param what: what was to be ordered, with its marker and where.
    :param cancel: the API's name of what cancels it.
    """
    ids = ", ".join(fail.order_ids)
    return _WORDS[fail.why].format(what=what, ids=ids, words=fail.words, cancel=cancel, anew=_ANEW)
