"""What Airflow's ProvidersManager reads of this package."""

from __future__ import annotations

from typing import Any

from airflow_provider_snowball import __version__
from airflow_provider_snowball.hooks.connection_form import metadata

__all__ = ["get_provider_info"]

_INTEGRATION = "AWS Snowball"


def _modules(kind: str, *names: str) -> list[dict[str, Any]]:
    modules = [f"airflow_provider_snowball.{kind}.{name}" for name in names or ("snowball",)]
    return [{"integration-name": _INTEGRATION, "python-modules": modules}]


def get_provider_info() -> dict[str, Any]:
    """
    Return the provider's metadata.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html
    """
    return {
        "package-name": "airflow-provider-snowball",
        "name": _INTEGRATION,
        "description": "Order AWS Snowball devices, wait for them, and verify what they brought to S3.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.aws.amazon.com/snowball/",
                "tags": ["aws"],
            }
        ],
        "operators": _modules("operators", "cancel", "create", "snowball", "verify_import"),
        "sensors": _modules("sensors"),
        "hooks": _modules("hooks"),
        "triggers": _modules("triggers", "pause", "snowball", "watching"),
        "extra-links": ["airflow_provider_snowball.links.snowball.SnowFamilyConsoleLink"],
        "connection-types": [metadata("airflow_provider_snowball.hooks.snowball.SnowballHook")],
        "config": {
            "snowball": {
                "description": "Settings of airflow-provider-snowball.",
                "options": {
                    "poke_interval": {
                        "description": (
                            "Seconds between two polls of a Snowball sensor that sets no poke_interval."
                        ),
                        "version_added": "1.0.0",
                        "type": "float",
                        "example": None,
                        "default": "900",
                    },
                    "max_calls_per_second": {
                        "description": (
                            "The most calls a second that all waits of one triggerer with the same "
                            "connection, region and configuration make together."
                        ),
                        "version_added": "1.0.0",
                        "type": "float",
                        "example": None,
                        "default": "20",
                    },
                    "allow_orders": {
                        "description": (
                            "Whether tasks may order devices, which AWS ships and bills. Without it, those "
                            "that would fail, and those with submit=False show what they would order."
                        ),
                        "version_added": "1.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "False",
                    },
                },
            }
        },
    }
