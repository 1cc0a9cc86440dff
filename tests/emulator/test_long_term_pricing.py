"""When a contract ends, by the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_snowball.emulator.api.pricing import LongTermPricing

START = datetime(2026, 1, 1, tzinfo=UTC)


def contract(*, auto_renew: bool) -> LongTermPricing:
    return LongTermPricing("LTPID", "OneMonth", "EDGE", START, auto_renew)


@pytest.mark.parametrize(
    ("days", "ends", "status"),
    [(0, 30, "Active"), (29, 30, "Active"), (30, 30, "Expired"), (99, 30, "Expired")],
)
def test_ends(days: int, ends: int, status: str) -> None:
    entry = contract(auto_renew=False).list_entry(START + timedelta(days=days), None)
    assert entry["LongTermPricingEndDate"] == START + timedelta(days=ends)
    assert entry["LongTermPricingStatus"] == status


@pytest.mark.parametrize(("days", "ends"), [(29, 30), (30, 60), (59, 60), (95, 120)])
def test_renews_itself(days: int, ends: int) -> None:
    entry = contract(auto_renew=True).list_entry(START + timedelta(days=days), None)
    assert entry["LongTermPricingEndDate"] == START + timedelta(days=ends)
    assert entry["LongTermPricingStatus"] == "Active"


def test_a_term_that_is_under_way_ends_when_it_would() -> None:
    one = contract(auto_renew=True)
    assert one.ends(START + timedelta(days=45)) == START + timedelta(days=60)
    one.renew(False, START + timedelta(days=45))
    entry = one.list_entry(START + timedelta(days=45), None)
    assert entry["LongTermPricingEndDate"] == START + timedelta(days=60)
    assert entry["LongTermPricingStatus"] == "Active"
    assert one.list_entry(START + timedelta(days=60), None)["LongTermPricingStatus"] == "Expired"
    one.renew(True, START + timedelta(days=50))
    assert one.ends(START + timedelta(days=61)) == START + timedelta(days=90)
