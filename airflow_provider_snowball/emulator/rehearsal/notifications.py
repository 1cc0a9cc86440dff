"""
SNS notifications: a message for each state that a job's ``Notification`` asks for.

The texts are those of AWS's developer guide ("Amazon SNS notification examples"), as far as it has
one for the state. They are meant for people: a program wakes up on them and asks the API.
"""

from __future__ import annotations

import logging

from ..api.jobs import Job
from ..api.states import JobState, JobType
from .transition_queue import Transition

__all__ = ["notify", "topic_of"]

log = logging.getLogger(__name__)

_MORE = "More info - https://console.aws.amazon.com/importexport"
_TEXTS = {
    JobState.NEW: "has been created.",
    JobState.LISTING: "is being listed.",
    JobState.PENDING: "is pending.",
    JobState.PREPARING_APPLIANCE: "is being prepared.",
    JobState.PREPARING_SHIPMENT: "is being prepared for shipment.",
    JobState.IN_TRANSIT_TO_CUSTOMER: "is in transit to you.",
    JobState.WITH_CUSTOMER: "was delivered to you.",
    JobState.IN_TRANSIT_TO_AWS: "is in transit to AWS.",
    JobState.WITH_AWS_SORTING_FACILITY: "is at AWS sorting facility.",
    JobState.WITH_AWS: "is at AWS.",
    JobState.IN_PROGRESS: "is being imported.",
    JobState.COMPLETE: "complete.\nThanks for using AWS Snowball Edge.",
    JobState.CANCELLED: "was canceled.",
}
#: A topic under this key gets no messages on AWS: Snowball may not use the key.
_MANAGED_KEY = "alias/aws/sns"


def topic_of(job: Job) -> str | None:
    """Return the ARN of the topic that a job's Notification names, if it does."""
    arn = (job.details.get("Notification") or {}).get("SnsTopicARN")
    return None if arn is None else str(arn)


def notify(transition: Transition) -> None:
    """Publish a transition to moto's SNS if its job asks for that; what fails is logged."""
    job, state = transition.job, transition.state
    topic = topic_of(job)
    settings = job.details.get("Notification") or {}
    if topic is None or not (settings.get("NotifyAll") or state in settings.get("JobStatesToNotify", ())):
        return
    # SNS is wanted by those who notify only.
    from moto.sns.models import sns_backends

    _, _, _, region, account, _ = topic.split(":", 5)
    try:
        sns = sns_backends[account][region]
        if getattr(sns.get_topic(topic), "kms_master_key_id", None) == _MANAGED_KEY:
            log.warning(
                "%s gets no notifications, as it is under the AWS-managed key %s", topic, _MANAGED_KEY
            )
            return
        sns.publish(_text(job, state), arn=topic)
    except Exception as error:
        # A topic that is gone, a subscriber that does not answer: no reason for a job to stop.
        log.warning("Cannot notify %s that %s is %s: %s", topic, job.job_id, state, error)


def _text(job: Job, state: str) -> str:
    text = f"is {state}."
    if state == JobState.IN_PROGRESS and job.job_type is JobType.EXPORT:
        text = "is being Exported."
    elif state in _TEXTS:
        text = _TEXTS[JobState(state)]
    name = f"{job.description} " if job.description else ""
    return f"Your job {name}({job.job_id}) {text} {_MORE}"
