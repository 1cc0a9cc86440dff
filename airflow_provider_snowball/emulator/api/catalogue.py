"""What there is to choose from, all of it made up: images, versions of services, pickup locations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

__all__ = ["SERVICE_VERSIONS", "compatible_images", "pickup_locations"]

#: The bases of the images that AWS supports.
_IMAGES = ("Amazon Linux 2", "Ubuntu 20.04 LTS - Focal", "Ubuntu 22.04 LTS - Jammy")
_PLACES = ("North", "South")
SERVICE_VERSIONS: Mapping[str, tuple[str, ...]] = {
    "KUBERNETES": ("1.27", "1.28", "1.29"),
    "EKS_ANYWHERE": ("0.18.7", "0.19.2"),
}


def compatible_images(account_id: str, region_name: str) -> list[dict[str, str]]:
    """Return the CompatibleImage that an account has in a region."""
    return [
        {"AmiId": f"ami-{_uuid(account_id, region_name, name).hex[:17]}", "Name": name} for name in _IMAGES
    ]


def pickup_locations(region_name: str) -> dict[str, dict[str, Any]]:
    """Return the Address of each place in a region where devices are picked up, by its AddressId."""
    locations = [
        {
            "AddressId": f"ADID{_uuid(region_name, name)}",
            "Company": "AWS",
            "Name": f"{name} pickup location of {region_name}",
            "Street1": f"1 {name} Street",
            "City": "Anytown",
            "Type": "CUST_PICKUP",
        }
        for name in _PLACES
    ]
    return {each["AddressId"]: each for each in locations}


def _uuid(*names: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, ".".join((*names, "snowball.local")))
