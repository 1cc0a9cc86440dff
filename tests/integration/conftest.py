"""What takes time and is not what these tests are about."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
from botocore.loaders import JSONFileLoader

from airflow_provider_snowball.waiting import config


# Not for the session: its end is after that of the unit tests that the same process runs.
@pytest.fixture(scope="module", autouse=True)
def _polls_follow_closely() -> Iterator[None]:
    """Let polls follow one another by less than the second that lies between them otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "SHORTEST_DELAY", 0.01)
        yield


@pytest.fixture(scope="session", autouse=True)
def _botocore_reads_its_models_once() -> Iterator[None]:
    """Have the files behind a client, a fifth of a second's worth, read once and not for every client."""
    read = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield
