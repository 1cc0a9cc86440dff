"""What opens a device, and what sends it back: from the emulator, over HTTP."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_provider_snowball.emulator import snowball_clock, snowball_faults
from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.exceptions import SnowballAnswerError, SnowballFileError
from airflow_provider_snowball.hooks import snowball as hook_module
from airflow_provider_snowball.hooks.snowball import SnowballHook
from tests.fakes.emulated import client_of, order_import, steer
from tests.fakes.fleet_server import connection

ABSENT = "JID123e4567-e89b-12d3-a456-426655440000"


@pytest.fixture
def snowball() -> Iterator[SnowballServer]:
    with SnowballServer() as server:
        snowball_clock.pause()
        yield server


@pytest.fixture
def hook(snowball: SnowballServer, monkeypatch: pytest.MonkeyPatch) -> SnowballHook:
    monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(snowball.endpoint_url))
    return SnowballHook(aws_conn_id="snow")


@pytest.fixture
def delivered(snowball: SnowballServer) -> str:
    """Return the id of a job whose device is there."""
    job_id = order_import(client_of(snowball.endpoint_url))
    steer(snowball.endpoint_url, job_id, state="WithCustomer")
    return job_id


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Airflow was told to show asterisks for."""
    secrets: list[str] = []
    monkeypatch.setattr(hook_module, "mask_secret", secrets.append)
    return secrets


class TestWhatOpensADevice:
    def test_unlock_code(
        self, hook: SnowballHook, delivered: str, masked: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        code = hook.get_job_unlock_code(delivered)
        assert len(code) == 29
        assert masked == [code]
        assert code not in caplog.text
        [line] = [each.getMessage() for each in caplog.records if '"GetJobUnlockCode"' in each.getMessage()]
        assert json.loads(line.partition(": ")[2])["job_id"] == delivered

    def test_manifest(self, hook: SnowballHook, delivered: str, masked: list[str], tmp_path: Path) -> None:
        path = tmp_path / "device.manifest"
        hook.download_manifest(delivered, path)
        assert path.stat().st_size > 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]
        assert len(masked) == 1
        hook.download_manifest(delivered, str(path))

    def test_not_there_yet(self, hook: SnowballHook, snowball: SnowballServer, tmp_path: Path) -> None:
        job_id = order_import(client_of(snowball.endpoint_url))
        for ask in (
            lambda: hook.get_job_unlock_code(job_id),
            lambda: hook.download_manifest(job_id, tmp_path / "m"),
        ):
            with pytest.raises(ClientError, match="InvalidJobStateException"):
                ask()
        assert list(tmp_path.iterdir()) == []

    def test_nowhere_to_write(self, hook: SnowballHook, delivered: str, tmp_path: Path) -> None:
        with pytest.raises(SnowballFileError) as caught:
            hook.download_manifest(delivered, tmp_path / "absent" / "m")
        assert str(caught.value) == (
            f"Cannot write the manifest of job {delivered} to {tmp_path}/absent/m: No such file or directory"
            " [SNB508]"
        )
        (tmp_path / "folder").mkdir()
        with pytest.raises(SnowballFileError, match=r"Is a directory \[SNB508\]$"):
            hook.download_manifest(delivered, tmp_path / "folder")
        assert [each.name for each in tmp_path.iterdir()] == ["folder"]

    @pytest.mark.parametrize("operation", ["GetJobUnlockCode", "GetJobManifest"])
    def test_a_torn_answer(self, hook: SnowballHook, delivered: str, tmp_path: Path, operation: str) -> None:
        snowball_faults.add("lost_answer", operations=[operation], how="cut")
        ask: Any = {
            "GetJobUnlockCode": lambda: hook.get_job_unlock_code(delivered),
            "GetJobManifest": lambda: hook.download_manifest(delivered, tmp_path / "m"),
        }[operation]
        with pytest.raises(SnowballAnswerError, match=rf"^The answer to {operation} does not count"):
            ask()


class TestTheWayBack:
    def test_label(self, hook: SnowballHook, delivered: str, tmp_path: Path) -> None:
        assert hook.create_return_shipping_label(delivered, shipping_option="NEXT_DAY") == "InProgress"
        # Once more while it is made, and once it is there.
        assert hook.create_return_shipping_label(delivered) == "InProgress"
        with pytest.raises(SnowballFileError, match=r"whose status is InProgress: .*\[SNB506\]$"):
            hook.download_return_shipping_label(delivered, tmp_path / "label.pdf")
        snowball_clock.jump("1h")
        assert hook.create_return_shipping_label(delivered) == "Succeeded"
        hook.download_return_shipping_label(delivered, tmp_path / "label.pdf")
        assert (tmp_path / "label.pdf").read_bytes().startswith(b"%PDF-")

    def test_none_was_asked_for(self, hook: SnowballHook, delivered: str, tmp_path: Path) -> None:
        with pytest.raises(ClientError, match="InvalidResourceException"):
            hook.download_return_shipping_label(delivered, tmp_path / "label.pdf")


class TestArguments:
    def test_no_job_id(self, hook: SnowballHook, tmp_path: Path) -> None:
        for ask in (
            lambda: hook.get_job_unlock_code("JID1"),
            lambda: hook.download_manifest("JID1", tmp_path / "m"),
            lambda: hook.create_return_shipping_label("JID1"),
            lambda: hook.download_return_shipping_label("JID1", tmp_path / "l"),
            lambda: hook.cancel_job("JID1"),
        ):
            with pytest.raises(ValueError, match=r"^job_id must be JID .*\[SNB102\]$"):
                ask()
        with pytest.raises(ValueError, match=r"^cluster_id must be CID .*\[SNB101\]$"):
            hook.cancel_cluster(ABSENT)

    def test_no_speed(self, hook: SnowballHook) -> None:
        with pytest.raises(
            ValueError, match=r"^shipping_option must be one of SECOND_DAY, .*; got 'FAST' \[SNB106\]$"
        ):
            hook.create_return_shipping_label(ABSENT, shipping_option="FAST")  # type: ignore[arg-type]  # the mistake itself
