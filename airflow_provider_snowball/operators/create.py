"""CreateJobOperator and CreateClusterOperator."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import time as now
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from airflow_provider_snowball.aws import AWS_TEMPLATE_FIELDS, AwsParameters, passed_on
from airflow_provider_snowball.compat import conf, forever, is_made_from_mapped, task_state_store
from airflow_provider_snowball.exceptions import (
    SnowballOrderDelayedError,
    SnowballOrderError,
    SnowballPermanentError,
)
from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.links.snowball import SnowFamilyConsoleLink
from airflow_provider_snowball.ordering.machine import (
    Action,
    Adopt,
    Describe,
    Event,
    Fail,
    Failed,
    Known,
    List,
    Listed,
    Memory,
    NotTaken,
    Ordering,
    Park,
    Remember,
    Remembered,
    Retry,
    Run,
    Send,
    Taken,
    Times,
    Unknown,
)
from airflow_provider_snowball.ordering.marker import described, marker_of
from airflow_provider_snowball.ordering.text import words_of, words_of_what_is_known
from airflow_provider_snowball.validate import NOT_GIVEN, NotGiven, check_cluster_id, check_flag, is_literal

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["CreateClusterOperator", "CreateJobOperator"]

#: The key of what is known of an order in Airflow's task state store. It stays.
_MEMORY = "order"
#: In it, what is known of orders by other keys, by their markers.
_OTHERS = "others"
#: Seconds after which a scheduled run is one that catches up.
_LATE = 86400.0
#: What `airflow tasks test` calls its runs, if it is given none, and what it sets.
_TEMPORARY = "__airflow_temporary_run_"
_TEST_MODE = "AIRFLOW_TEST_MODE"
#: By which a template can tell the instances of a mapped task apart.
_OF_AN_INSTANCE = re.compile(r"map_index|\btask\.(?!task_id\b|dag_id\b)")
#: Parameters that are parts of a request's Resources, which is what Airflow calls something else.
_RESOURCES = {
    "s3_resources": "S3Resources",
    "ec2_ami_resources": "Ec2AmiResources",
    "lambda_resources": "LambdaResources",
}


class _CreateOperator(AwsParameters):
    """What the operators share: an order that is made once, whatever happens, or shown and not made."""

    ui_color = "#e0f2e9"
    #: The API's operation, what an order of it is called, and the members of its request by parameter.
    operation: ClassVar[Any]
    noun: ClassVar[str]
    cancel_with: ClassVar[str]
    members: ClassVar[Mapping[str, str]]
    #: A seam of the tests, and no setting: what is promised rests on these times.
    _times: ClassVar[Times] = Times()
    #: At a local Snowball nobody pays, and an hour may be a week.
    _local_times: ClassVar[Times] = Times(settle=90, audit=0, look=5, again=5)
    description: str | None
    submit: bool
    approved: str | None
    idempotency_key: str | None

    def __init__(self, **kwargs: Any) -> None:
        names = (*self.members, *_RESOURCES, "description", "submit", "approved", "idempotency_key")
        own = {name: kwargs.pop(name) for name in names}
        super().__init__(**kwargs)
        given = own["approved"]
        # What was approved may be found by then, and be nothing: that is no leave to order.
        self._asks_approval = given is not NOT_GIVEN and (given is not None or is_made_from_mapped(self))
        own["approved"] = None if given is NOT_GIVEN else given
        for name, value in own.items():
            setattr(self, name, value)
        self._check_in_dag_file()

    def _check_given(self) -> None:
        check_flag(self.submit, "submit")
        if is_literal(self.description):
            described(self.description, marker_of("", "", "", ""))

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """
        Return the task to map.

        :raises ValueError: if its instances would share an ``idempotency_key``.
        """
        key = kwargs.get("idempotency_key", (kwargs.get("default_args") or {}).get("idempotency_key"))
        if isinstance(key, str) and not ("{" in key and _OF_AN_INSTANCE.search(key)):
            raise ArgumentError(
                f"idempotency_key must be another one for each instance of a mapped task: {key!r} in "
                "partial() is the same for all; give it in expand() or expand_kwargs() [SNB116]"
            )
        return super().partial(**kwargs)

    def execute(self, context: Context) -> Any:
        """Make the order, or show it; return its id."""
        return self._go_on(context, None, 0)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Go on after a pause. The method's name is stored, as is the event: they stay."""
        memory = event["memory"]
        return self._go_on(context, Memory.read(memory) if memory else None, event["attempts"])

    def _go_on(self, context: Context, memory: Memory | None, attempts: int) -> Any:
        from airflow_provider_snowball.hooks.errors import permanent_as_such

        began = now()
        ti: Any = context["ti"]
        marker = permanent_as_such(lambda: self._marker(ti))
        what = f"{self.noun} {marker}"
        if memory is not None and memory.marker != marker and memory.known is not Known.NOT_SENT:
            # Nobody has cleared the task: that is how another order is asked for.
            raise SnowballOrderError(
                f"{what}: the idempotency_key has changed while order {memory.marker} was on its way "
                f"({memory.order_id or 'it may be there'}, {memory.where}). Set it back, and clear this "
                "task, which then takes that order [SNB616]"
            )
        store = task_state_store(context)
        # `airflow tasks test` of 3.3 counts from 0.
        try_number = max(int(ti.try_number), 1)
        run = Run(try_number, store is not None, began, "", marker, self._times, _is_mapped(ti))
        ordering = Ordering(run, memory, attempts)
        if not self.submit:
            if words := words_of_what_is_known(ordering, "", what, "submit is False now") if memory else None:
                raise SnowballPermanentError(words)
            self._note_that_nothing_was_sent(store, run)
        elif memory is None and store is not None:
            ordering = self._recalled(store, ordering, what)
        return self._order(context, ordering, store, what)

    def _order(self, context: Context, ordering: Ordering, store: Any, what: str) -> Any:
        """Go on with an order, or show it."""
        from airflow_provider_snowball.hooks.errors import permanent_as_such

        found = ""
        try:
            permanent_as_such(self._check_given)
            hook, request, account, region = self._prepared(context, ordering.run.marker)
            fingerprint = self._fingerprint(request, account, region)
            if not self.submit:
                return self._show(hook, request, ordering.run.marker, account, region, fingerprint)
            named = f"{what} (account {account or 'unknown'}, {hook.where()})"
            ordering = _placed(ordering, account, region)
            self._check_connection(hook, ordering, named)
            if ordering.is_unsent:
                self._check_may_order(context, is_fresh=ordering.is_fresh)
                self._unless_it_fails(lambda: self._check(hook, request), hook, ordering, named)
                self._check_approved(fingerprint, account, ordering, named)
            local: list[str] = []
            self._unless_it_fails(lambda: hook.when_local(local.append), hook, ordering, named)
            driver = _Driver(hook, self.operation, request, ordering.run.marker, store)
            ordering, action = ordering.begin()
            while not isinstance(action, Park | Adopt | Fail | Retry):
                if isinstance(action, Describe):
                    found = action.order_id
                event = driver.carry_out(action)
                if local:
                    ordering = ordering.timed(self._local_times)
                ordering, action = ordering.on(event, now())
            if isinstance(action, Adopt):
                order_id = action.order_id
                self._unless_it_fails(lambda: self._adopted(context, hook, order_id), hook, ordering, named)
            return self._end(action, named, ordering, found)
        except SnowballPermanentError as error:
            # Whoever reads it must not take it for an order that was not made.
            words = words_of_what_is_known(ordering, found, what, str(error)) if self.submit else None
            if words is None:
                raise
            raise SnowballPermanentError(words) from None

    def _prepared(
        self, context: Context, marker: str
    ) -> tuple[SnowballHook, dict[str, Any], str | None, str | None]:
        """Return what an order needs: the hook, the request, and its account and region."""
        from airflow_provider_snowball.hooks.errors import permanent_as_such
        from airflow_provider_snowball.hooks.snowball import SnowballHook

        request = permanent_as_such(lambda: self._request(marker))
        hook = permanent_as_such(lambda: SnowballHook.of(**self.aws_parameters))
        SnowFamilyConsoleLink().follow(context, hook.find_region, hook.when_local)
        region = permanent_as_such(hook.find_region)
        if not self.submit:
            permanent_as_such(lambda: self._check(hook, request), hook.where)
        return hook, request, hook.find_account(), region

    def _check_connection(self, hook: SnowballHook, ordering: Ordering, what: str) -> None:
        """Look again after a pause where a named connection is not found, as after a lookup that failed."""
        if hook.aws_conn_id and not hook.has_connection:
            # What boto3 finds may be of anybody's account, and has no list of what may be ordered.
            words = f"{hook.missing_connection()}; aws_conn_id=None orders by what boto3 finds"
            self._end(ordering.later(words, now()), what, ordering)

    def _recalled(self, store: Any, ordering: Ordering, what: str) -> Ordering:
        """Return it with what is known of the order; look again after a pause if that cannot be read now."""
        try:
            stored = store.get(_MEMORY)
        except Exception as error:
            words = f"Airflow does not tell what is known of it: {type(error).__name__}"
            self.log.warning("%s: %s", what, words)
            self._end(ordering.later(words, now()), what, ordering)
        if stored:
            # That of this marker, or else the last one.
            mine = stored.get(_OTHERS, {}).get(ordering.run.marker, stored)
            return replace(ordering, memory=Memory.read(mine))
        return replace(ordering, memory=self._note_that_nothing_was_sent(store, ordering.run))

    def _note_that_nothing_was_sent(self, store: Any, run: Run) -> Memory | None:
        """
        Leave word of it for the tries to come, whatever fails before the order; return that.

        Without it, a later try has to take an order for possible, and orders nothing.
        """
        if store is None or run.try_number > 1:
            return None
        memory = Memory(Known.NOT_SENT, "", run.marker)
        try:
            if store.get(_MEMORY):
                return None
            store.set(_MEMORY, memory.stored(), retention=forever())
        except Exception as error:
            self.log.warning("Airflow has not taken what to remember: %s", type(error).__name__)
            return None
        return memory

    def _unless_it_fails(
        self, call: Callable[[], None], hook: SnowballHook, ordering: Ordering, what: str
    ) -> None:
        """
        Do something; if that fails just now, look again after a pause.

        :raises SnowballPermanentError: if another try would not change it.
        """
        from airflow_provider_snowball.hooks.errors import classify, permanent_as_such

        try:
            permanent_as_such(call, hook.where)
        except SnowballPermanentError:
            raise
        except Exception as error:
            words = str(classify(error, hook.where()))
            self._end(ordering.later(words, now()), what, ordering)

    def _adopted(self, context: Context, hook: SnowballHook, order_id: str) -> None:
        """Do what is to be done once the order is there."""

    def _end(self, action: Action, what: str, ordering: Ordering, found: str = "") -> Any:
        match action:
            case Park(until, memory, attempts):
                self._park(until, memory, attempts, what)
            case Retry(words):
                raise SnowballOrderDelayedError(
                    words_of_what_is_known(ordering, found, what, words)
                    or f"{what} could not be ordered in this try: {words} [SNB603]"
                )
            case Fail():
                run = ordering.run
                remembers = run.remembers and not run.is_mapped
                raise SnowballOrderError(words_of(action, what, self.cancel_with, remembers=remembers))
            case Adopt(order_id):
                self.log.info("%s is %s", what, order_id)
                return order_id
        raise AssertionError(f"{action} is no end")

    def _park(self, until: float, memory: Memory | None, attempts: int, what: str) -> NoReturn:
        from airflow_provider_snowball.triggers.pause import PauseTrigger

        moment = datetime.fromtimestamp(until, UTC)
        self.log.info("%s: looking again at %s", what, moment.isoformat(timespec="seconds"))
        known = {"memory": None if memory is None else memory.stored(), "attempts": attempts}
        self.defer(trigger=PauseTrigger(until=until, known=known), method_name="execute_complete")
        raise AssertionError("defer() raises")

    def _marker(self, ti: Any) -> str:
        key = "" if self.idempotency_key is None else str(self.idempotency_key)
        if _is_mapped(ti) and not key:
            raise ArgumentError(
                "idempotency_key must be given where a task is mapped, another one for each instance: what "
                "an index stands for may change from one try to the next, and the order with it [SNB116]"
            )
        return marker_of(ti.dag_id, ti.task_id, ti.run_id, key)

    def _request(self, marker: str) -> dict[str, Any]:
        given = {member: getattr(self, name) for name, member in self.members.items()}
        request = {member: value for member, value in given.items() if value is not None}
        resources = {member: getattr(self, name) for name, member in _RESOURCES.items()}
        if found := {member: value for member, value in resources.items() if value is not None}:
            request["Resources"] = found
        request["Description"] = described(self.description, marker)
        return request

    def _check(self, hook: SnowballHook, request: Mapping[str, Any]) -> None:
        """
        Hold a request against the API's documented rules, and against what its connection allows.

        :raises ArgumentError: if AWS would refuse it.
        :raises SnowballPermanentError: if the connection does not allow it.
        """
        from airflow_provider_snowball.hooks.orders import check_request

        self._check_combination(request)
        check_request(self.operation, request)
        self._check_allowed(hook, request)

    def _check_combination(self, request: Mapping[str, Any]) -> None:
        """
        Hold a request against what the API's documentation says of members that go together.

        :raises ArgumentError: if AWS would refuse it.
        """

    def _fingerprint(self, request: Mapping[str, Any], account: str | None, region: str | None) -> str:
        """Return what an approval is of: the order as it would be made, but for the marker of the task."""
        what = {**request, "Description": self.description}
        text = json.dumps([self.operation, what, account, region], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def _check_allowed(self, hook: SnowballHook, request: Mapping[str, Any]) -> None:
        from airflow_provider_snowball.hooks.allowed_orders import ALLOWED_ORDERS, not_allowed

        lists = hook.conn_config.extra_config.get(ALLOWED_ORDERS) or {}
        # A node goes where its cluster is, and has what that has.
        cluster = hook.describe_cluster(request["ClusterId"]) if lists and "ClusterId" in request else None
        if found := not_allowed(request, lists, cast("Mapping[str, Any] | None", cluster)):
            name, others = found
            raise SnowballPermanentError(
                f"{', '.join(others)} is none of {name} that {ALLOWED_ORDERS} in the extra of Airflow "
                f"connection {hook.aws_conn_id!r} has [SNB612]"
            )

    def _check_may_order(self, context: Context, *, is_fresh: bool) -> None:
        """
        Look whether this task may order something. What it has ordered it may always take.

        :param is_fresh: whether this is its very beginning.
        :raises SnowballPermanentError: if not.
        """
        if not conf.getboolean("snowball", "allow_orders", fallback=False):
            raise SnowballPermanentError(
                "Nothing was ordered: set [snowball] allow_orders in Airflow's configuration to True, or "
                "leave submit=False, which shows what would be ordered [SNB610]"
            )
        run: Any = context.get("dag_run")
        run_id = str(context["ti"].run_id)
        run_type = str(getattr(run, "run_type", "")).rpartition(".")[2].lower()
        due = getattr(run, "run_after", None) or getattr(run, "data_interval_end", None)
        is_late = is_fresh and run_type == "scheduled" and due is not None and now() - due.timestamp() > _LATE
        is_test = run_id.startswith(_TEMPORARY) or os.environ.get(_TEST_MODE) == "True"
        if is_test or run_type.startswith("backfill") or is_late:
            raise SnowballPermanentError(
                f"Nothing was ordered: run {run_id} is one of `airflow tasks test`, of a backfill, or for a "
                "time that is long past, each of which would be a device more; trigger the DAG [SNB611]"
            )

    def _check_approved(self, fingerprint: str, account: str | None, ordering: Ordering, what: str) -> None:
        """
        Hold an order against the approved one.

        :raises SnowballPermanentError: if it is another, or nothing was approved.
        """
        if not self._asks_approval or self.approved == fingerprint:
            return
        if account is None and self.approved:
            # The account is a part of what was approved.
            self._end(ordering.later("STS does not tell the account just now", now()), what, ordering)
        else:
            raise SnowballPermanentError(
                f"Nothing was ordered: what was approved is {self.approved}, and this order is "
                f"{fingerprint}; have it shown again by submit=False, and approve that [SNB613]"
            )

    def _show(
        self,
        hook: SnowballHook,
        request: Mapping[str, Any],
        marker: str,
        account: str | None,
        region: str | None,
        fingerprint: str,
    ) -> dict[str, Any]:
        shown = {
            "operation": self.operation,
            "request": dict(request),
            "marker": marker,
            "account": account,
            "region": region,
            "address": hook.address_of(request.get("AddressId")),
            "quota": hook.device_quota(),
            "fingerprint": fingerprint,
        }
        words = "Nothing is ordered (submit=False); this would be: %s"
        self.log.info(words, json.dumps(shown, default=str))
        return shown


def _beside(kept: Mapping[str, Any], memory: Memory) -> dict[str, Any]:
    """Return what to store: a word, beside those of other markers of the same task that were sent."""
    last = {name: value for name, value in kept.items() if name != _OTHERS}
    others = {**kept.get(_OTHERS, {}), **({last["marker"]: last} if last else {})}
    sent = {
        marker: each
        for marker, each in others.items()
        if marker != memory.marker and each["known"] != Known.NOT_SENT
    }
    return memory.stored() | ({_OTHERS: sent} if sent else {})


def _is_mapped(ti: Any) -> bool:
    map_index = getattr(ti, "map_index", None)
    return map_index is not None and map_index >= 0


def _placed(ordering: Ordering, account: str | None, region: str | None) -> Ordering:
    """Return it with where it is asked; an account that STS does not tell now is the one known before."""
    where = f"account {account or 'unknown'}, region {region}"
    memory = ordering.memory
    if memory is not None and memory.where.endswith(f", region {region}"):
        if account is None:
            where = memory.where
        elif memory.where.startswith("account unknown,"):
            memory = replace(memory, where=where)
    return replace(ordering, memory=memory, run=replace(ordering.run, where=where))


def _told_of(outcome: Event) -> dict[str, str]:
    """Return what an order has come to, for the audit."""
    match outcome:
        case Taken(order_id):
            return {"outcome": "taken", "order_id": order_id}
        case NotTaken(words) | Unknown(words):
            return {"outcome": "not taken" if isinstance(outcome, NotTaken) else "unknown", "words": words}
    return {}


class _Driver:
    """Carries out what the machine asks for."""

    def __init__(
        self, hook: SnowballHook, operation: Any, request: Mapping[str, Any], marker: str, store: Any
    ) -> None:
        self._hook = hook
        self._operation = operation
        self._request = request
        self._marker = marker
        self._store = store

    def carry_out(self, action: Action) -> Event:
        """
        Return what came of an action.

        :raises SnowballPermanentError: if asking again would get the same answer.
        """
        from airflow_provider_snowball.hooks.orders import described_order, marked_orders, send_once

        hook, operation, request = self._hook, self._operation, self._request
        match action:
            case Send(before):
                with hook.audited(operation, marker=self._marker) as line:
                    outcome = send_once(hook, operation, request, before=before)
                    line |= _told_of(outcome)
                return outcome
            case Remember(memory):
                try:
                    kept = self._store.get(_MEMORY) or {}
                    self._store.set(_MEMORY, _beside(kept, memory), retention=forever())
                except Exception as error:
                    return Failed(f"Airflow has not taken what to remember: {type(error).__name__}")
                return Remembered()
            case List():
                return self._ask(
                    lambda: Listed(marked_orders(hook, operation, self._marker, request.get("ClusterId")))
                )
            case Describe(order_id):
                return self._ask(lambda: described_order(hook, operation, order_id, request))
        raise AssertionError(f"{action} is nothing to carry out")

    def _ask(self, ask: Callable[[], Event]) -> Event:
        from airflow_provider_snowball.hooks.errors import classify, permanent_as_such

        try:
            return permanent_as_such(ask, self._hook.where)
        except SnowballPermanentError:
            raise
        except Exception as error:
            return Failed(str(classify(error)))


class CreateJobOperator(_CreateOperator):
    """
    Order a Snowball device: an import, an export, a device for local use, or a node of a cluster; once.

    Returns the job's id, which ``job_ids=order.output`` of a sensor takes, mapped or not. A device is billed.

    Nothing is ordered unless ``submit`` is set, and ``[snowball] allow_orders`` in Airflow's configuration;
    ``submit`` without that fails. Without ``submit`` the task returns what would be ordered, a dict to look
    at and to approve: ``operation``, ``request``, ``marker``, ``account``, ``region``, ``address`` and
    ``quota`` (None where they cannot be asked for), and ``fingerprint``.

    Each try finds the order that an earlier one has made, by a marker at the end of its Description. Where
    nobody can tell whether AWS has taken an order, nothing is ordered again: the task fails, and says what to
    look for.

    The task ends 45 minutes after the order, deferred until then, so that it needs a triggerer: it looks once
    more while a second order, which should not be there, could still be cancelled.

    Before Airflow 3.3, which remembers what a task has done, the first try alone orders.

    The AWS parameters are those of :class:`~airflow_provider_snowball.aws.AwsParameters`. All others but
    ``submit`` are templated; those of the request are named as its members are.

    :param job_type: ``IMPORT``, ``EXPORT`` or ``LOCAL_USE``; not for a node of a cluster.
    :param s3_resources: buckets: ``[{"BucketArn": "arn:aws:s3:::archive"}]``.
    :param ec2_ami_resources: images on the device: ``[{"AmiId": "ami-0abcdef1234567890"}]``.
    :param lambda_resources: functions on the device: ``[{"LambdaArn": "arn:aws:lambda:…"}]``.
    :param description: what people are to read; the marker follows it.
    :param address_id: where the device goes, ``ADID`` and a UUID.
    :param role_arn: the role by which AWS reads or writes the buckets.
    :param kms_key_arn: the key of the device.
    :param notification: ``{"SnsTopicARN": "arn:aws:sns:…", "JobStatesToNotify": ["WithCustomer"]}``, or with
        ``"NotifyAll": True``.
    :param snowball_type: the type of device: ``EDGE``, ``EDGE_S``, ``V3_5C`` and so on.
    :param snowball_capacity_preference: its size: ``T80``, ``T98``, ``T240`` and so on.
    :param shipping_option: ``SECOND_DAY``, ``NEXT_DAY``, ``EXPRESS`` or ``STANDARD``.
    :param cluster_id: of a node, or a replacement; the cluster has all else.
    :param forwarding_address_id: an address that the device is forwarded to, ``ADID`` and a UUID.
    :param on_device_service_configuration: services on the device:
        ``{"S3OnDeviceService": {"StorageLimit": 12, "StorageUnit": "TB"}}``.
    :param remote_management: ``INSTALLED_ONLY``, ``INSTALLED_AUTOSTART`` or ``NOT_INSTALLED``.
    :param long_term_pricing_id: of a price that was agreed on (CreateLongTermPricing).
    :param tax_documents: ``{"IND": {"GSTIN": "…"}}``, for India.
    :param device_configuration: of a Snowcone:
        ``{"SnowconeDeviceConfiguration": {"WirelessConnection": {"IsWifiEnabled": True}}}``.
    :param impact_level: of the data, in GovCloud: ``IL2``, ``IL4``, ``IL5``, ``IL6`` or ``IL99``.
    :param pickup_details: who picks the device up: ``{"Name": "…", "PhoneNumber": "…", "Email": "…"}``.
    :param submit: whether it is ordered.
    :param approved: the ``fingerprint`` of the shown order that somebody has approved; what differs from it
        is not ordered, nor is anything if it comes to None when the task runs. Left out, or of a task that is
        not mapped None in the DAG file: nothing is compared.
    :param idempotency_key: what tells this order from others of the same task and run: for a mapped task, a
        site, or whatever else is another one for each instance. Another key is another order.
    :raises ValueError: if ``description``, ``cluster_id``, ``submit`` or ``botocore_config`` has the wrong
        form, when the DAG is parsed if it is literal.
    :raises SnowballOrderError: if it was refused, or only a person can tell what is right.
    :raises SnowballOrderDelayedError: if too many calls failed in this try; ``retries`` apply.
    :raises SnowballPermanentError: if any other argument has the wrong form, nothing may be ordered so, or
        access is denied.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.create_job`
    """

    operation = "CreateJob"
    noun = "Job"
    cancel_with = "CancelJob"
    members: ClassVar[Mapping[str, str]] = {
        "job_type": "JobType",
        "address_id": "AddressId",
        "role_arn": "RoleARN",
        "kms_key_arn": "KmsKeyARN",
        "notification": "Notification",
        "snowball_type": "SnowballType",
        "snowball_capacity_preference": "SnowballCapacityPreference",
        "shipping_option": "ShippingOption",
        "cluster_id": "ClusterId",
        "forwarding_address_id": "ForwardingAddressId",
        "on_device_service_configuration": "OnDeviceServiceConfiguration",
        "remote_management": "RemoteManagement",
        "long_term_pricing_id": "LongTermPricingId",
        "tax_documents": "TaxDocuments",
        "device_configuration": "DeviceConfiguration",
        "impact_level": "ImpactLevel",
        "pickup_details": "PickupDetails",
    }
    template_fields: Sequence[str] = (
        *members,
        *_RESOURCES,
        "description",
        "approved",
        "idempotency_key",
        *AWS_TEMPLATE_FIELDS,
    )
    cluster_id: str | None

    def __init__(
        self,
        *,
        job_type: str | None = None,
        s3_resources: Sequence[Mapping[str, Any]] | XComArg | None = None,
        ec2_ami_resources: Sequence[Mapping[str, Any]] | None = None,
        lambda_resources: Sequence[Mapping[str, Any]] | None = None,
        description: str | None = None,
        address_id: str | XComArg | None = None,
        role_arn: str | None = None,
        kms_key_arn: str | None = None,
        notification: Mapping[str, Any] | None = None,
        snowball_type: str | None = None,
        snowball_capacity_preference: str | None = None,
        shipping_option: str | None = None,
        cluster_id: str | XComArg | None = None,
        forwarding_address_id: str | None = None,
        on_device_service_configuration: Mapping[str, Any] | None = None,
        remote_management: str | None = None,
        long_term_pricing_id: str | None = None,
        tax_documents: Mapping[str, Any] | None = None,
        device_configuration: Mapping[str, Any] | None = None,
        impact_level: str | None = None,
        pickup_details: Mapping[str, Any] | None = None,
        submit: bool = False,
        approved: str | XComArg | NotGiven | None = NOT_GIVEN,
        idempotency_key: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))

    def _check_given(self) -> None:
        super()._check_given()
        if self.cluster_id is not None and is_literal(self.cluster_id):
            check_cluster_id(self.cluster_id)

    def _check_combination(self, request: Mapping[str, Any]) -> None:
        if "ClusterId" in request:
            if request.get("JobType") not in (None, "LOCAL_USE"):
                raise ArgumentError(
                    "job_type of a node of a cluster is LOCAL_USE, or left out; "
                    f"got {request['JobType']!r} [SNB115]"
                )
            return
        missing = [
            name
            for name in ("job_type", "address_id", "shipping_option")
            if self.members[name] not in request
        ]
        if request.get("JobType") in ("IMPORT", "EXPORT"):
            if not (request.get("Resources") or {}).get("S3Resources"):
                missing.append("s3_resources")
            if "RoleARN" not in request:
                missing.append("role_arn")
        if missing:
            raise ArgumentError(f"A job that belongs to no cluster needs {', '.join(missing)} [SNB115]")


class CreateClusterOperator(_CreateOperator):
    """
    Order a Snowball cluster with its devices; once. What :class:`CreateJobOperator` says holds here.

    Returns the cluster's id; its jobs' ids are the XCom ``job_ids``. Nodes and replacements that come later
    are jobs of their own, by ``cluster_id``.

    :param initial_cluster_size: devices that are ordered with it, as many as the cluster is to have.
    :param snowball_type: the type of its devices.
    :param address_id: where they go.
    :param shipping_option: ``SECOND_DAY``, ``NEXT_DAY``, ``EXPRESS`` or ``STANDARD``.
    :param s3_resources: buckets: ``[{"BucketArn": "arn:aws:s3:::archive"}]``.
    :param ec2_ami_resources: images on the devices, as for a job.
    :param lambda_resources: functions on the devices, likewise.
    :param description: what people are to read; the marker follows it.
    :param role_arn: as for a job, as are those that follow.
    :param kms_key_arn: the key of the devices.
    :param notification: the SNS topic, and the states it is told of.
    :param snowball_capacity_preference: the size of the devices.
    :param forwarding_address_id: an address.
    :param on_device_service_configuration: services on the devices.
    :param remote_management: whether they can be managed from afar.
    :param force_create_jobs: whether the jobs are made although a service on them wants another number.
    :param long_term_pricing_ids: of prices that were agreed on.
    :param tax_documents: for India.
    :param submit: whether it is ordered.
    :param approved: the ``fingerprint`` of the shown order that somebody has approved.
    :param idempotency_key: what tells this order from others of the same task and run.
    :raises ValueError: as for :class:`CreateJobOperator`; so are the others.

    .. seealso:: :external+boto3:py:meth:`Snowball.Client.create_cluster`
    """

    operation = "CreateCluster"
    noun = "Cluster"
    cancel_with = "CancelCluster"
    members: ClassVar[Mapping[str, str]] = {
        "initial_cluster_size": "InitialClusterSize",
        "snowball_type": "SnowballType",
        "address_id": "AddressId",
        "shipping_option": "ShippingOption",
        "role_arn": "RoleARN",
        "kms_key_arn": "KmsKeyARN",
        "notification": "Notification",
        "snowball_capacity_preference": "SnowballCapacityPreference",
        "forwarding_address_id": "ForwardingAddressId",
        "on_device_service_configuration": "OnDeviceServiceConfiguration",
        "remote_management": "RemoteManagement",
        "force_create_jobs": "ForceCreateJobs",
        "long_term_pricing_ids": "LongTermPricingIds",
        "tax_documents": "TaxDocuments",
    }
    template_fields: Sequence[str] = (
        *members,
        *_RESOURCES,
        "description",
        "approved",
        "idempotency_key",
        *AWS_TEMPLATE_FIELDS,
    )

    def __init__(
        self,
        *,
        initial_cluster_size: int | XComArg,
        snowball_type: str,
        address_id: str | XComArg,
        shipping_option: str,
        s3_resources: Sequence[Mapping[str, Any]] | XComArg | None = None,
        ec2_ami_resources: Sequence[Mapping[str, Any]] | None = None,
        lambda_resources: Sequence[Mapping[str, Any]] | None = None,
        description: str | None = None,
        role_arn: str | None = None,
        kms_key_arn: str | None = None,
        notification: Mapping[str, Any] | None = None,
        snowball_capacity_preference: str | None = None,
        forwarding_address_id: str | None = None,
        on_device_service_configuration: Mapping[str, Any] | None = None,
        remote_management: str | None = None,
        force_create_jobs: bool | None = None,
        long_term_pricing_ids: Sequence[str] | None = None,
        tax_documents: Mapping[str, Any] | None = None,
        submit: bool = False,
        approved: str | XComArg | NotGiven | None = NOT_GIVEN,
        idempotency_key: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))

    def _adopted(self, context: Context, hook: SnowballHook, order_id: str) -> None:
        jobs = hook.list_cluster_jobs(order_id)
        context["ti"].xcom_push(key="job_ids", value=[each["JobId"] for each in jobs if "JobId" in each])

    def _request(self, marker: str) -> dict[str, Any]:
        request = {**super()._request(marker), "JobType": "LOCAL_USE"}
        size = request.get("InitialClusterSize")
        if isinstance(size, str) and size.strip().isdecimal():
            # Of a template.
            request["InitialClusterSize"] = int(size)
        return request
