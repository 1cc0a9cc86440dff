"""
The few calls of Airflow's REST API that tests and demo need.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

import time
import uuid
from types import TracebackType
from typing import Any, Self

import httpx

__all__ = ["AirflowApi"]


class AirflowApi:
    """
    The REST API of a running Airflow 3, as one user; as a context manager, it closes its connections.

    Every method raises :class:`httpx.HTTPStatusError`, whose message has what the API said.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60, event_hooks={"response": [_raise_with_text]})
        login = self._client.post("/auth/token", json={"username": user, "password": password})
        self._client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @staticmethod
    def healthy(url: str) -> set[str]:
        """Return the components that report to be healthy; empty as long as the API does not answer."""
        try:
            health = httpx.get(f"{url}/api/v2/monitor/health", timeout=5).raise_for_status().json()
        except httpx.HTTPError:
            return set()
        reported = {"scheduler": "scheduler", "triggerer": "triggerer", "dag_processor": "dag-processor"}
        return {"api-server"} | {
            name for key, name in reported.items() if (health.get(key) or {}).get("status") == "healthy"
        }

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of ``GET /api/v2<path>``."""
        return self._client.get(f"/api/v2{path}", params=query).json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON of ``POST /api/v2<path>``."""
        return self._client.post(f"/api/v2{path}", json=body).json()

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON of ``PATCH /api/v2<path>``."""
        return self._client.patch(f"/api/v2{path}", json=body).json()

    def delete(self, path: str) -> None:
        """Make ``DELETE /api/v2<path>``."""
        self._client.delete(f"/api/v2{path}")

    def create_connection(self, conn_id: str, conn_type: str, **fields: Any) -> None:
        """Create a connection, as the form under Admin > Connections does."""
        self.post("/connections", {"connection_id": conn_id, "conn_type": conn_type, **fields})

    def trigger(self, dag_id: str, conf: dict[str, Any], *, within: float = 300) -> str:
        """
        Start a run of a DAG as soon as the DAG processor has found it, and return the run's id.

        :param within: seconds to wait for the DAG, and for the database.
        :raises RuntimeError: if a DAG file cannot be imported; the message has its traceback.
        """
        deadline = time.monotonic() + within
        while True:
            try:
                self.patch(f"/dags/{dag_id}", {"is_paused": False})
                break
            except httpx.HTTPStatusError as error:
                if broken := self.get("/importErrors")["import_errors"]:
                    raise RuntimeError("\n".join(each["stack_trace"] for each in broken)) from None
                if error.response.status_code != 404 or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        # With an id of ours, so that a call that was not answered can be made again.
        body = {"dag_run_id": f"api__{uuid.uuid4()}", "logical_date": None, "conf": conf}
        while True:
            try:
                self.post(f"/dags/{dag_id}/dagRuns", body)
                break
            except httpx.HTTPStatusError as error:
                if error.response.status_code == httpx.codes.CONFLICT:
                    break
                # On SQLite, the database is locked now and then.
                if (
                    error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR
                    or time.monotonic() > deadline
                ):
                    raise
                time.sleep(0.5)
        return str(body["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run."""
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return every task instance of a run, mapped ones each."""
        found = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=100)
        return list(found["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return what an unmapped task returned, or keeps under another key."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.get(path, deserialize=True)["value"]

    def links(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, str | None]:
        """Return where the links of a task lead, by name; None for one that leads nowhere yet."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return dict(self.get(path, map_index=map_index)["extra_links"])

    def log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1, map_index: int = -1) -> str:
        """Return the log of a task, as the UI shows it, a line each, tracebacks as ``class: message``."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        lines = self.get(path, full_content=True, map_index=map_index)["content"]
        return "\n".join(_text_of(line) for line in lines)


def _text_of(line: str | dict[str, Any]) -> str:
    if isinstance(line, str):
        return line
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in line.get("error_detail") or ()]
    return "\n".join([str(line.get("event")), *errors])


def _raise_with_text(response: httpx.Response) -> None:
    if response.is_error:
        response.read()
        raise httpx.HTTPStatusError(
            f"{response.request.method} {response.request.url} answered {response.status_code}: "
            f"{response.text[:500]}",
            request=response.request,
            response=response,
        )
