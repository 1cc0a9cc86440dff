"""
The API of AWS Snowball as a service of moto, which could move there.

It needs nothing but moto, botocore and the standard library. Jobs walk through their states as the clock
on the wall goes; who builds on it gives :class:`.store.Store` another clock, and other plans. For them are
``listing_lag``, ``device_limit``, ``change`` and ``base_url``, too, which the API by itself leaves at rest.
"""

from __future__ import annotations

# Where moto looks for it.
from .models import snowball_backends

__all__ = ["snowball_backends"]
