"""What a person is told of an order that failed for good, and what they can do."""

from __future__ import annotations

from airflow_provider_snowball.ordering.machine import Fail, Ordering, Why

__all__ = ["words_of", "words_of_what_is_known"]

_ANEW = "A new run of the DAG, or another idempotency_key, orders anew"
#: Where nothing is remembered, a later try orders nothing, by whatever key; nor does one of a mapped task,
#: whose index may have been another's.
_ANEW_BY_A_RUN = "A new run of the DAG orders anew"
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


def words_of(fail: Fail, what: str, cancel: str, *, remembers: bool) -> str:
    """
    Return the words for an order's end.

    :param what: what was to be ordered, with its marker and where.
    :param cancel: the API's name of what cancels it.
    :param remembers: whether another key of this task is known to be another order.
    """
    ids = ", ".join(fail.order_ids)
    anew = _ANEW if remembers else _ANEW_BY_A_RUN
    return _WORDS[fail.why].format(what=what, ids=ids, words=fail.words, cancel=cancel, anew=anew)


def words_of_what_is_known(ordering: Ordering, found: str, what: str, words: str) -> str | None:
    """
    Return the words for a failure that has come to an order which may be there; None if nothing was sent.

    :param found: the id of an order that a listing has, if any.
    :param words: of the failure.
    """
    memory = ordering.memory
    if memory is not None and memory.marker != ordering.run.marker:
        memory = None
    # What is listed is there, whatever is remembered.
    order_id = found or (memory.order_id if memory is not None else "")
    where = (memory.where if memory is not None else "") or ordering.run.where
    at = f" ({where})" if where else ""
    if order_id:
        return (
            f"{what} is ordered as {order_id}{at}; a new run would order one more. "
            f"It could not be looked at again: {words} [SNB614]"
        )
    if ordering.is_unsent:
        return None
    return (
        f"{what} may have been ordered{at}; a new run may order one more. "
        f"It could not be looked for: {words} [SNB615]"
    )
