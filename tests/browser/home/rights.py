"""Who may see what in the browser tests: a guest sees one DAG, and no asset."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

GUEST = "guest"
SEES = "page_south"


class Rights(SimpleAuthManager):
    """Rights by DAG, as other auth managers have them."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **asked: Any) -> bool:
        """Tell whether a user may see a DAG; whoever asks for all gets what they may see of them."""
        if user.username == GUEST and details is not None and details.id not in (None, SEES):
            return False
        return bool(super().is_authorized_dag(user=user, details=details, **asked))

    def is_authorized_asset(self, *, user: Any, details: Any = None, **asked: Any) -> bool:
        """Tell whether a user may see an asset."""
        return user.username != GUEST and bool(
            super().is_authorized_asset(user=user, details=details, **asked)
        )
