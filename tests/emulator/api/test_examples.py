"""The examples that botocore has of the operations, whole, their answers compared by shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.loaders
import pytest

from tests.emulator.api.calls import Connect, Jump, ids_of

EXAMPLES: dict[str, Any] = botocore.loaders.Loader().load_service_model("snowball", "examples-1")["examples"]
#: What the examples say by their ids.
ADDRESS, CLUSTER, JOB = "AddressId", "ClusterId", "JobId"
#: A region that has the device of one of them, and takes their addresses.
REGION = "ap-southeast-1"


class Place:
    """A region in which there is what the examples speak of."""

    def __init__(self, client: Any, jump: Jump) -> None:
        self.client = client
        self.jump = jump
        self.ids: dict[str, str] = {}
        (example,) = EXAMPLES["CreateAddress"]
        self.ids[ADDRESS] = self.run("CreateAddress", example)[ADDRESS]

    def run(self, operation: str, example: Mapping[str, Any]) -> dict[str, Any]:
        members = {name: self.ids.get(name, value) for name, value in example["input"].items()}
        (method,) = [n for n, api in self.client.meta.method_to_api_mapping.items() if api == operation]
        found: dict[str, Any] = getattr(self.client, method)(**members)
        del found["ResponseMetadata"]
        return found

    def order(self) -> None:
        """Make what the examples ask for, by the examples that make it."""
        for operation, name in (("CreateCluster", CLUSTER), ("CreateJob", JOB)):
            if name not in self.ids:
                (example,) = EXAMPLES[operation]
                self.ids[name] = self.run(operation, example)[name]
        # The one of them is empty.
        for _ in range(3):
            self.client.create_job(ClusterId=self.ids[CLUSTER])


@pytest.fixture
def place(connect: Connect, jump: Jump) -> Place:
    return Place(connect(REGION), jump)


def members_of(value: Any, path: str = "") -> Iterator[str]:
    """Give out the paths of what is in a value; of lists, of what is in any of their items."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield f"{path}.{name}"
            yield from members_of(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from members_of(item, f"{path}[]")


#: In what state the job of an example has to be.
WHEN = {"GetJobManifest": "6d", "GetJobUnlockCode": "6d"}


@pytest.mark.parametrize(
    ("operation", "number"),
    [(operation, number) for operation, listed in EXAMPLES.items() for number in range(len(listed))],
)
def test_example(place: Place, operation: str, number: int) -> None:
    example = EXAMPLES[operation][number]
    if not operation.startswith("Create"):
        place.order()
    if operation in WHEN:
        place.jump(WHEN[operation])
    changes = {"SnowballCapacityPreference": "T50"} if operation == "UpdateJob" else {}
    answer = place.run(operation, {**example, "input": {**example["input"], **changes}})
    wanted = set(members_of(example.get("output", {})))
    assert wanted <= set(members_of(answer))
    if operation in ("ListJobs", "ListClusterJobs"):
        assert ids_of(place.client, place.ids[CLUSTER])
