"""
A local AWS Snowball, built on moto, for tests and rehearsals. Needs the extra ``emulator``.

Importing this package is enough: it adds the service to moto, so that inside ``mock_aws`` a plain
``boto3.client("snowball")`` talks to it. :func:`register` does the same and can be called again, where
an import that looks unused would puzzle the reader. ::

    from airflow_provider_snowball.emulator import snowball_clock
    from moto import mock_aws

    with mock_aws():
        client = boto3.client("snowball", "us-east-1")
        address = client.create_address(Address={"Street1": "1 Main St"})["AddressId"]
        cluster = client.create_cluster(
            JobType="LOCAL_USE", SnowballType="EDGE", ShippingOption="NEXT_DAY",
            AddressId=address, InitialClusterSize=5,
        )["ClusterId"]
        snowball_clock.jump("10d")
        client.list_cluster_jobs(ClusterId=cluster)  # five jobs WithCustomer

Time stands almost still there (a second a second): tests move :data:`snowball_clock` themselves.
:class:`~.server.SnowballServer` and the command ``snowball-emulator`` serve it over HTTP, where the
clock has a speed. :mod:`.fixtures` has either way as fixtures for pytest.

:meth:`SnowballBackend.set_plan` and its neighbours (:class:`.rehearsal.steering.SteeredStore`) decide what
becomes of a job, :data:`snowball_faults` what goes wrong with requests.

State is kept in memory, by account and region, and is gone with the process or moto's reset.
Nothing that the provider ships imports this package.
"""

from __future__ import annotations

import importlib.util
import re
import sys

from .extra import is_command, not_installed

try:
    import moto.backend_index
except ModuleNotFoundError as error:
    if is_command():  # which has no say before this package is imported
        sys.exit(not_installed(error.name))
    raise ModuleNotFoundError(not_installed(error.name), name=error.name) from error

from .rehearsal import models, responses, urls
from .rehearsal.clock import Clock
from .rehearsal.faults import Fault, Faults
from .rehearsal.models import SnowballBackend, snowball_backends, snowball_clock, snowball_faults
from .rehearsal.plans import usual_plan

__all__ = [
    "Clock",
    "Fault",
    "Faults",
    "SnowballBackend",
    "register",
    "snowball_backends",
    "snowball_clock",
    "snowball_faults",
    "usual_plan",
]

_NAME = "moto.snowball"


def register() -> bool:
    """
    Add the service to moto, once, and tell whether it is this one that moto serves.

    Should moto come to have a Snowball of its own, moto's is left in place.
    """
    here = sys.modules[__name__]
    if _NAME not in sys.modules and importlib.util.find_spec(_NAME) is None:
        # moto has no way to add a service (getmoto/moto#7126 asks for extensions): it imports "moto." plus
        # the name that the index gives.
        # The modules are listed too, else they would be imported again, with a state of their own.
        sys.modules[_NAME] = here
        for module in (models, responses, urls):
            sys.modules[f"{_NAME}.{module.__name__.rpartition('.')[2]}"] = module
        moto.backend_index.backend_url_patterns.extend(
            ("snowball", re.compile(base)) for base in urls.url_bases
        )
    return sys.modules.get(_NAME) is here


register()
