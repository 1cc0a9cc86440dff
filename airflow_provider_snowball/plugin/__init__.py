"""
A page in Airflow's UI that shows where devices are: Airflow 3.1 and later.

Every process of Airflow loads this module, those of tasks and the triggerer included: it imports nothing
but what has loaded it. The page is a few files, which a browser runs with its user's own login and rights: no
address of ours answers with data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.plugins_manager import AirflowPlugin

__all__ = ["SnowballPlugin"]

_PREFIX = "/snowball"


class _Page:
    """Serves the files: an ASGI application that is made when it is first asked."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._app is None:
            from starlette.staticfiles import StaticFiles

            self._app = StaticFiles(directory=Path(__file__).parent / "page", html=True)
        await self._app(scope, receive, send)


class SnowballPlugin(AirflowPlugin):
    """Adds *Snowball devices* to the menu."""

    name = "snowball"
    # Airflow 3: mounted by the API server alone.
    fastapi_apps = [{"app": _Page(), "url_prefix": _PREFIX, "name": "Snowball devices"}]  # noqa: RUF012  Airflow's own form
    # Airflow 3.1 and later. Relative, since Airflow may be served under a path of its own.
    external_views = [  # noqa: RUF012
        {
            "name": "Snowball devices",
            "href": f".{_PREFIX}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "snowball_devices",
        }
    ]
