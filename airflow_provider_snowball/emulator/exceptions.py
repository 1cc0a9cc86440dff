"""Exceptions raised by the snowball service, as botocore's model has them."""

from __future__ import annotations

from collections.abc import Sequence

from moto.core.exceptions import ServiceException


class InvalidResourceException(ServiceException):  # type: ignore[misc]  # moto is not followed
    """No such cluster, job or address."""

    code = "InvalidResourceException"

    def __init__(self, resource_type: str, resource_id: str) -> None:
        # ResourceType is a member of the modelled error; moto serializes attributes by that name.
        self.ResourceType = resource_type
        super().__init__(
            f"The specified resource can't be found: {resource_type.lower()} {resource_id}. "
            "Check the information you provided in your last request, and try again."
        )


class InvalidNextTokenException(ServiceException):  # type: ignore[misc]  # moto is not followed
    """A page token that this listing did not give out."""

    code = "InvalidNextTokenException"

    def __init__(self) -> None:
        super().__init__(
            "The NextToken string was altered unexpectedly, and the operation has stopped. "
            "Run the operation without changing the NextToken string, and try again."
        )


class InvalidJobStateException(ServiceException):  # type: ignore[misc]  # moto is not followed
    """The job or cluster has gone too far for that."""

    code = "InvalidJobStateException"

    def __init__(self, resource_id: str, state: str, rule: str) -> None:
        super().__init__(
            "The action can't be performed because the job's current state doesn't allow that action "
            f"to be performed: {resource_id} is {state}; {rule}."
        )


class InvalidInputCombinationException(ServiceException):  # type: ignore[misc]  # moto is not followed
    """Inputs that do not go together."""

    code = "InvalidInputCombinationException"

    def __init__(self, why: str) -> None:
        super().__init__(f"Job or cluster creation failed. One or more inputs were invalid: {why}.")


class ClusterLimitExceededException(ServiceException):  # type: ignore[misc]  # moto is not followed
    """A node more than a cluster can have."""

    code = "ClusterLimitExceededException"

    def __init__(self, cluster_id: str, limit: int) -> None:
        super().__init__(
            f"Job creation failed. Cluster {cluster_id} already has {limit} nodes, the most it can."
        )


class ValidationException(ServiceException):  # type: ignore[misc]  # moto is not followed
    """A request that the service model rules out; every AWS service can answer it."""

    code = "ValidationException"

    def __init__(self, violations: Sequence[str]) -> None:
        errors = "error" if len(violations) == 1 else "errors"
        super().__init__(f"{len(violations)} validation {errors} detected: {'; '.join(violations)}")
