"""What each check takes, what it makes of it, and what it says of the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest

from airflow_provider_snowball.lifecycle import ArgumentError, JobState
from airflow_provider_snowball.validate import (
    NOT_GIVEN,
    NotGiven,
    check_cluster_id,
    check_duration,
    check_flag,
    check_job_id,
    check_job_ids,
    check_max_days_in_state,
    check_min_jobs,
    check_page_size,
    check_shipping_option,
    is_literal,
    plain,
    plain_json,
)


class TestMinJobs:
    @pytest.mark.parametrize(("value", "number"), [(1, 1), (250, 250), ("5", 5), (" 5 ", 5)])
    def test_right(self, value: Any, number: int) -> None:
        assert check_min_jobs(value) == number

    @pytest.mark.parametrize("value", [0, -1, "0", "-1", "1.5", 1.0, True, False, None, "", "five", [1]])
    def test_wrong(self, value: Any) -> None:
        text = f"min_jobs must be a whole number of at least 1; got {value!r} [SNB105]"
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            check_min_jobs(value)

    def test_name_in_the_message(self) -> None:
        with pytest.raises(ValueError, match=r"^nodes must be a whole number"):
            check_min_jobs(0, "nodes")


class TestMaxDaysInState:
    @pytest.mark.parametrize(
        ("value", "days"),
        [
            (None, None),
            ({}, {}),
            ({"New": 10}, {"New": 10.0}),
            ({"New": 0.000001}, {"New": 0.000001}),
            ({"New": 36525}, {"New": 36525.0}),
            (MappingProxyType({JobState.WITH_AWS: 0.5}), {"WithAWS": 0.5}),
        ],
        ids=["None", "none", "by text", "next to nothing", "a hundred years", "by member"],
    )
    def test_right(self, value: Any, days: dict[str, float] | None) -> None:
        found = check_max_days_in_state(value)
        assert found == days
        # What Airflow stores of it is plain.
        assert {type(key) for key in found or ()} <= {str}
        assert {type(each) for each in (found or {}).values()} <= {float}

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({"Shipped": 1}, "each state of max_days_in_state must be one of New, "),
            ({"Complete": 1}, "max_days_in_state cannot have Complete"),
            ({"Cancelled": 1}, "max_days_in_state cannot have Cancelled: no job leaves that state"),
            (
                {"New": 0},
                r"max_days_in_state\['New'\] must be a number of days above 0, at most 100 years; got 0",
            ),
            (
                {"New": -1.5},
                r"max_days_in_state\['New'\] must be a number of days above 0, at most 100 years; got -1.5",
            ),
            (
                {"New": float("nan")},
                r"max_days_in_state\['New'\] must be a number of days above 0, at most 100 years; got nan",
            ),
            (
                {"New": True},
                r"max_days_in_state\['New'\] must be a number of days above 0, at most 100 years; got True",
            ),
            (
                {"New": "10"},
                r"max_days_in_state\['New'\] must be a number of days above 0, at most 100 years; got '10'",
            ),
            (
                {"New": 36526},
                r"max_days_in_state\['New'\] must be a number of days above 0, at most 100 years; got 36526",
            ),
            (["New"], "max_days_in_state must be a dict of days by state"),
        ],
        ids=str,
    )
    def test_wrong(self, value: Any, text: str) -> None:
        code = "SNB104" if "must be one of" in text else "SNB105"
        with pytest.raises(ValueError, match=rf"^{text}.* \[{code}\]$"):
            check_max_days_in_state(value)

    def test_name_in_the_message(self) -> None:
        with pytest.raises(ValueError, match=r"^limits cannot have Complete"):
            check_max_days_in_state({"Complete": 1}, "limits")


class TestDuration:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [(1, 1.0), (0.5, 0.5), (timedelta(minutes=2), 120.0), (timedelta(days=36525), 3155760000.0)],
        ids=str,
    )
    def test_right(self, value: Any, seconds: float) -> None:
        assert check_duration(value, "timeout") == seconds

    @pytest.mark.parametrize(
        "value",
        [0, -1, timedelta(0), "60", None, True, float("nan"), float("inf"), timedelta(days=36526)],
        ids=str,
    )
    def test_wrong(self, value: Any) -> None:
        text = "timeout must be a timedelta or a number of seconds, more than 0 and at most 100 years; got "
        with pytest.raises(ValueError, match=rf"^{re.escape(text + repr(value))} \[SNB105\]$"):
            check_duration(value, "timeout")

    def test_at_least(self) -> None:
        assert check_duration(0, "poke_interval", at_least=0) == 0
        text = r"a number of seconds, at least 0 and at most 100 years; got -1 \[SNB105\]"
        with pytest.raises(ValueError, match=f"^poke_interval must be a timedelta or {text}$"):
            check_duration(-1, "poke_interval", at_least=0)


class TestFlag:
    @pytest.mark.parametrize("value", [True, False])
    def test_right(self, value: bool) -> None:
        assert check_flag(value, "silent_fail") is value

    @pytest.mark.parametrize("value", ["False", "", 0, 1, None], ids=repr)
    def test_wrong(self, value: Any) -> None:
        text = f"silent_fail must be True or False; got the {type(value).__name__} {value!r} [SNB106]"
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            check_flag(value, "silent_fail")


class Kind(str, Enum):  # noqa: UP042  the older form of a StrEnum, whose str() is its name, is the point
    ONE = "one"


class TestPlain:
    @pytest.mark.parametrize(
        ("value", "form"),
        [
            (timedelta(minutes=1.5), 90.0),
            (JobState.WITH_AWS, "WithAWS"),
            (Kind.ONE, "one"),
            ((Kind.ONE, timedelta(seconds=1)), ["one", 1.0]),
            ({Kind.ONE: (JobState.NEW,)}, {"one": ["New"]}),
            (MappingProxyType({"a": 1}), {"a": 1}),
            (None, None),
            (True, True),
        ],
        ids=str,
    )
    def test_form(self, value: Any, form: Any) -> None:
        found = plain(value)
        assert found == form
        assert type(found) is type(form)
        assert json.loads(json.dumps(found)) == form
        assert plain(found) == form

    def test_anything_else_stays_itself(self) -> None:
        thing = object()
        assert plain(thing) is thing

    @pytest.mark.parametrize(
        ("value", "form"),
        [
            ({"a": (1, Kind.ONE)}, {"a": [1, "one"]}),
            ({"a": object}, None),
            ({"a": {1, 2}}, None),
        ],
        ids=["plain", "a class", "a set"],
    )
    def test_json(self, value: Mapping[str, Any], form: Any) -> None:
        assert plain_json(value) == form


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("CID1", True),
        ("{{ params.cluster }}", False),
        ("{% raw %}", False),
        ("{# said #}", False),
        (["JID1", "JID2"], True),
        (("JID1", "{{ params.job }}"), False),
        (None, True),
        (True, True),
        (2.5, True),
        (object, False),
    ],
    ids=str,
)
def test_is_literal(value: Any, literal: bool) -> None:
    assert is_literal(value) is literal


UUID = "123e4567-e89b-12d3-a456-426655440000"


def refused(text: str) -> Any:
    return pytest.raises(ArgumentError, match=f"^{re.escape(text)}$")


class TestIds:
    @pytest.mark.parametrize("uuid", [UUID, UUID.upper(), "ABCDEFAB-abcd-ABCD-abcd-abcdefabcdef"])
    def test_right(self, uuid: str) -> None:
        assert check_cluster_id(f"CID{uuid}") == f"CID{uuid}"
        assert check_job_id(f"JID{uuid}") == f"JID{uuid}"
        assert check_job_id(f"MID{uuid}") == f"MID{uuid}"

    @pytest.mark.parametrize(
        "value", [UUID, f"cid{UUID}", f"JID{UUID}", f"CID{UUID}0", f" CID{UUID}", f"CID{UUID}\n", None, 5]
    )
    def test_no_cluster_id(self, value: Any) -> None:
        with refused(f"cluster_id must be CID followed by a UUID, such as CID{UUID}; got {value!r} [SNB101]"):
            check_cluster_id(value)

    @pytest.mark.parametrize(
        "value", [UUID, f"jid{UUID}", f"CID{UUID}", f"JID{UUID}g", f"JID{UUID}\n", None, {}]
    )
    def test_no_job_id(self, value: Any) -> None:
        with refused(
            f"job_id must be JID (or MID) followed by a UUID, such as JID{UUID}; got {value!r} [SNB102]"
        ):
            check_job_id(value)

    def test_a_whole_job(self) -> None:
        with refused(f"job_id must be a job's id, and is a whole job; pass its JobId: 'JID{UUID}' [SNB102]"):
            check_job_id({"JobId": f"JID{UUID}", "JobState": "New"})

    def test_names_in_the_messages(self) -> None:
        with pytest.raises(ArgumentError, match=r"^the id must be CID"):
            check_cluster_id(None, "the id")
        with pytest.raises(ArgumentError, match=r"^the id must be JID"):
            check_job_id(None, "the id")

    def test_a_single_id(self) -> None:
        assert check_job_ids(f"JID{UUID}") == [f"JID{UUID}"]

    @pytest.mark.parametrize("value", [f"JID{UUID},JID{UUID}", "[]", 5, True], ids=repr)
    def test_no_list(self, value: Any) -> None:
        with refused(
            f"job_ids must be a list of job ids; got the {type(value).__name__} {value!r}. To pass another "
            "task's list, use its output (task.output), or a template with render_template_as_native_obj=True"
            " [SNB103]"
        ):
            check_job_ids(value)


class TestPageSize:
    @pytest.mark.parametrize("value", [None, 1, 2, 50, 100])
    def test_right(self, value: int | None) -> None:
        assert check_page_size(value) == value

    @pytest.mark.parametrize("value", [0, -1, 101, True, False, "5", 5.0, [5]], ids=repr)
    def test_wrong(self, value: Any) -> None:
        with refused(f"page_size must be a whole number from 1 to 100, or None; got {value!r} [SNB105]"):
            check_page_size(value)


class TestShippingOption:
    @pytest.mark.parametrize("value", ["SECOND_DAY", "NEXT_DAY", "EXPRESS", "STANDARD"])
    def test_right(self, value: str) -> None:
        assert check_shipping_option(value) == value

    @pytest.mark.parametrize("value", ["express", "PIGEON", "", None, 5], ids=repr)
    def test_wrong(self, value: Any) -> None:
        with refused(
            f"shipping_option must be one of SECOND_DAY, NEXT_DAY, EXPRESS, STANDARD; got {value!r} [SNB106]"
        ):
            check_shipping_option(value)


def test_what_is_left_out_is_not_none() -> None:
    assert NotGiven.NOT_GIVEN is NOT_GIVEN
    assert NOT_GIVEN.value == "not given"
    # As a signature shows it.
    assert repr(NOT_GIVEN) == "NOT_GIVEN"
