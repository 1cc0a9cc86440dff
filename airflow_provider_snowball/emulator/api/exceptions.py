"""Exceptions raised by the snowball service, as botocore's model has them."""

from __future__ import annotations

from collections.abc import Sequence

from moto.core.exceptions import ServiceException


class SnowballException(ServiceException):  # type: ignore[misc]  # moto is not followed
    """What all of them are: an error whose code is the name of its class."""

    def __init_subclass__(cls) -> None:
        cls.code = cls.__name__


class InvalidResourceException(SnowballException):
    """No such cluster, job or address."""

    def __init__(self, resource_type: str, resource_id: str) -> None:
        # ResourceType is a member of the modelled error; moto serializes attributes by that name.
        self.ResourceType = resource_type
        super().__init__(
            f"The specified resource can't be found: {resource_type.lower()} {resource_id}. "
            "Check the information you provided in your last request, and try again."
        )


class InvalidNextTokenException(SnowballException):
    """A page token that this listing did not give out."""

    def __init__(self) -> None:
        super().__init__(
            "The NextToken string was altered unexpectedly, and the operation has stopped. "
            "Run the operation without changing the NextToken string, and try again."
        )


class InvalidJobStateException(SnowballException):
    """The job or cluster has gone too far for that."""

    def __init__(self, resource_id: str, state: str, rule: str) -> None:
        super().__init__(
            "The action can't be performed because the job's current state doesn't allow that action "
            f"to be performed: {resource_id} is {state}; {rule}."
        )


class InvalidInputCombinationException(SnowballException):
    """Inputs that do not go together."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Job or cluster creation failed. One or more inputs were invalid: {why}.")


class ClusterLimitExceededException(SnowballException):
    """A node more than a cluster can have."""

    def __init__(self, cluster_id: str, limit: int) -> None:
        super().__init__(
            f"Job creation failed. Cluster {cluster_id} already has {limit} nodes, the most it can."
        )


class InvalidAddressException(SnowballException):
    """An address that nothing can be sent to."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The address provided was invalid: {why}. "
            "Check the address with your region's carrier, and try again."
        )


class UnsupportedAddressException(SnowballException):
    """An address outside of what the region serves."""

    def __init__(self, country: str, region_name: str) -> None:
        super().__init__(
            f"The address is either outside the serviceable area for your region, or an error occurred: "
            f"{country} is not served from {region_name}. "
            "Check the address with your region's carrier and try again."
        )


class ConflictException(SnowballException):
    """A return label is still being made."""

    def __init__(self, job_id: str) -> None:
        # A member of the modelled error, as ResourceType is of InvalidResourceException.
        self.ConflictResource = job_id
        super().__init__(
            f"An earlier request for the return shipping label of {job_id} is not completed yet."
        )


class ReturnShippingLabelAlreadyExistsException(SnowballException):
    """A valid return label is there already."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"A valid return shipping label of {job_id} already exists. "
            "Use DescribeReturnShippingLabel to get its URL."
        )


class ValidationException(SnowballException):
    """A request that the service model rules out; every AWS service can answer it."""

    def __init__(self, violations: Sequence[str]) -> None:
        errors = "error" if len(violations) == 1 else "errors"
        super().__init__(f"{len(violations)} validation {errors} detected: {'; '.join(violations)}")
