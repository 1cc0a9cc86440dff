"""
What an exception of a call means, by tables.

The tables are typed from AWS's "Common errors" and Snowball's API reference, not derived from the code.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import botocore.exceptions as bc
import pytest

from airflow_provider_snowball.exceptions import (
    SnowballAnswerError,
    SnowballConnectionError,
    SnowballPermanentError,
)
from airflow_provider_snowball.hooks.errors import classify, permanent_as_such
from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.waiting.calls import ErrorKind, RequestError

NOT_FOUND, BAD_INPUT, DENIED, TRANSIENT = ErrorKind
THROTTLING = [
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
]
PASSING = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InvalidNextTokenException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
]
UNKNOWN_KEYS = [
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
]
EXPIRED = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"]
NO_PERMISSION = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"]
MALFORMED = ["SerializationException", "ValidationError", "ValidationException"]
CORRECT_THE_KEY = (
    "; correct the access key; a region that is switched off for the account refuses good ones, too"
)
ALLOW = "; allow the IAM action snowball:ListClusterJobs"
CORRECT_THE_ROLE = (
    "; correct role_arn and assume_role_kwargs of the connection; the session's name is Airflow_ and the id "
    "of the connection, and may have 64 characters"
)
NO_ROLE = (
    "; the connection's role cannot be assumed: its trust policy must name the identity that assumes it, and "
    "that identity must be allowed sts:AssumeRole"
)
LINE_BREAK = "; the credentials have a line break, or another character that no request can have"


def answer(
    code: str | None, message: str = "its words.", *, http: int = 400, of: str = "ListClusterJobs"
) -> bc.ClientError:
    error: Any = {"Message": message} | ({} if code is None else {"Code": code})
    response: Any = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": http}}
    return bc.ClientError(response, of)


class TestAnswers:
    """What AWS answered."""

    @pytest.mark.parametrize(
        ("codes", "kind", "words"),
        [
            (THROTTLING, TRANSIENT, "its words."),
            (PASSING, TRANSIENT, "its words."),
            (["InvalidResourceException"], NOT_FOUND, "its words. [SNB303]"),
            (MALFORMED, BAD_INPUT, "its words. [SNB305]"),
            (UNKNOWN_KEYS, DENIED, f"its words{CORRECT_THE_KEY} [SNB212]"),
            (EXPIRED, DENIED, "its words; renew the session token [SNB212]"),
            (NO_PERMISSION, DENIED, f"its words{ALLOW} [SNB304]"),
            # What nobody has heard of: access, as far as can be told.
            (["OptInRequired", "SomethingNew"], DENIED, "its words. [SNB306]"),
        ],
    )
    def test_codes(self, codes: list[str], kind: ErrorKind, words: str) -> None:
        for code in codes:
            found = classify(answer(code))
            assert (found.kind, str(found)) == (kind, f"{code} when calling ListClusterJobs: {words}")
            assert found.code == code
            assert found.throttled is (code in THROTTLING)

    @pytest.mark.parametrize(
        ("http", "kind"),
        [
            (400, DENIED),
            (403, DENIED),
            (407, DENIED),
            (408, TRANSIENT),
            (409, DENIED),
            (428, DENIED),
            (429, TRANSIENT),
            (430, DENIED),
            (499, DENIED),
            (500, TRANSIENT),
            (501, TRANSIENT),
            (503, TRANSIENT),
        ],
    )
    def test_the_status_tells_what_passes(self, http: int, kind: ErrorKind) -> None:
        found = classify(answer("SomethingNew", http=http))
        assert (found.kind, found.throttled) == (kind, False)

    def test_a_status_that_passes_outweighs_the_code(self) -> None:
        assert classify(answer("InvalidResourceException", http=503)).kind is TRANSIENT
        assert classify(answer("AccessDenied", of="AssumeRole", http=503)).kind is TRANSIENT

    @pytest.mark.parametrize(
        "response", [{}, {"Error": {}}, {"Error": {"Code": None}}, {"Error": {"Code": ""}}]
    )
    def test_an_answer_that_lacks_all_may_be_anybodys(self, response: Any) -> None:
        """A proxy's page, say: AWS has refused nothing."""
        found = classify(bc.ClientError(response, "ListJobs"))
        assert (found.kind, found.code, found.throttled) == (TRANSIENT, "ClientError", False)
        assert str(found) == "an error when calling ListJobs: None"

    @pytest.mark.parametrize("of", ["ListJobs", "AssumeRole"])
    def test_a_status_in_place_of_a_code_is_botocores_own(self, of: str) -> None:
        found = classify(answer("403", "Forbidden", http=403, of=of), "region us-east-1")
        assert (found.kind, found.code, str(found)) == (TRANSIENT, "403", f"403 when calling {of}: Forbidden")

    def test_a_code_is_bounded(self) -> None:
        assert classify(answer("x" * 100)).code == "x" * 100
        found = classify(answer("x" * 101))
        assert found.code == "x" * 100
        assert str(found) == f"{'x' * 100} when calling ListClusterJobs: its words. [SNB306]"

    @pytest.mark.parametrize("code", [{"a": 1}, 5.0, True])
    def test_a_code_that_is_no_text(self, code: Any) -> None:
        assert classify(answer(code)).code == str(code)

    def test_the_cause_is_the_exception_itself(self) -> None:
        error = answer("Throttling")
        assert classify(error).__cause__ is error

    def test_advice_names_the_call(self) -> None:
        found = classify(answer("AccessDenied", "no.", of="DescribeJob"))
        assert (
            str(found)
            == "AccessDenied when calling DescribeJob: no; allow the IAM action snowball:DescribeJob [SNB304]"
        )

    @pytest.mark.parametrize(
        ("operation", "action"),
        [
            ("ListObjectsV2", "s3:ListBucket"),
            ("HeadObject", "s3:GetObject"),
            ("GetObject", "s3:GetObject"),
            ("PutObject", "s3:PutObject"),
            ("CreateMultipartUpload", "s3:PutObject"),
        ],
    )
    def test_advice_names_the_action_of_a_call_of_s3(self, operation: str, action: str) -> None:
        found = classify(answer("AccessDenied", "no.", of=operation))
        assert str(found) == (
            f"AccessDenied when calling {operation}: no; allow the IAM action {action} [SNB304]"
        )

    def test_all_full_stops_make_way_for_advice(self) -> None:
        assert str(classify(answer("ExpiredToken", "It is old..."))).endswith(
            ": It is old; renew the session token [SNB212]"
        )

    def test_only_full_stops_do(self) -> None:
        assert str(classify(answer("ExpiredToken", "of Mr. X."))).endswith(
            ": of Mr. X; renew the session token [SNB212]"
        )

    def test_words_are_one_line(self) -> None:
        found = classify(answer("Throttling", "slow\n  down"))
        assert str(found) == "Throttling when calling ListClusterJobs: slow down"


class TestRoles:
    """What AWS answered to a request for the connection's role."""

    @pytest.mark.parametrize("of", ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"])
    @pytest.mark.parametrize(
        ("code", "kind", "words"),
        [
            ("AccessDenied", DENIED, f"its words{NO_ROLE} [SNB211]"),
            ("SomethingNew", DENIED, f"its words{NO_ROLE} [SNB211]"),
            ("InvalidResourceException", DENIED, f"its words{NO_ROLE} [SNB211]"),
            ("ValidationError", DENIED, f"its words{CORRECT_THE_ROLE} [SNB211]"),
            ("InvalidClientTokenId", DENIED, f"its words{CORRECT_THE_KEY} [SNB212]"),
            ("ExpiredToken", DENIED, "its words; renew the session token [SNB212]"),
            ("Throttling", TRANSIENT, "its words."),
        ],
    )
    def test_codes(self, of: str, code: str, kind: ErrorKind, words: str) -> None:
        found = classify(answer(code, of=of))
        assert (found.kind, str(found)) == (kind, f"{code} when calling {of}: {words}")

    def test_a_validation_error_of_another_call_is_not_about_a_role(self) -> None:
        found = classify(answer("ValidationError"))
        assert (found.kind, str(found)) == (
            BAD_INPUT,
            "ValidationError when calling ListClusterJobs: its words. [SNB305]",
        )


NOBODY = "https://snowball.xx-nowhere-1.amazonaws.com/"


class TestOtherExceptions:
    """What botocore, a library below it or this package raised."""

    @pytest.mark.parametrize(
        ("error", "kind", "advice", "of_ours"),
        [
            (
                bc.NoCredentialsError(),
                DENIED,
                "; give the connection an access key or a profile, or the machine a role",
                "212",
            ),
            (
                bc.PartialCredentialsError(provider="env", cred_var="secret"),
                DENIED,
                "; give both halves of the access key",
                "212",
            ),
            (
                bc.NoRegionError(),
                DENIED,
                "; set the region of the connection, or region_name of the task",
                "209",
            ),
            (bc.InvalidRegionError(region_name="a b"), DENIED, "; a region reads like us-east-1", "209"),
            (bc.ProfileNotFound(profile="nobody"), DENIED, "", "212"),
            (bc.ConfigNotFound(path="/nowhere"), DENIED, "", "306"),
            (bc.ConfigParseError(path="/somewhere"), DENIED, "", "306"),
            (bc.InvalidConfigError(error_msg="no"), DENIED, "", "306"),
            (bc.TokenRetrievalError(provider="sso", error_msg="no"), DENIED, "", "212"),
            (bc.SSOTokenLoadError(error_msg="no"), DENIED, "", "212"),
            (bc.UnknownServiceError(service_name="snow", known_service_names=["s3"]), DENIED, "", "306"),
            (
                bc.UnknownSignatureVersionError(signature_version="v5"),
                DENIED,
                "; correct signature_version among the options for botocore",
                "204",
            ),
            (
                bc.ParamValidationError(report="no"),
                DENIED,
                "; correct role_arn and assume_role_kwargs of the connection",
                "211",
            ),
            (bc.ReadTimeoutError(endpoint_url=NOBODY), TRANSIENT, "", None),
            (bc.ConnectTimeoutError(endpoint_url=NOBODY), TRANSIENT, "", None),
            (OSError("no route to host"), TRANSIENT, "", None),
            (ValueError("no JSON"), TRANSIENT, "", None),
            (RuntimeError("whatever"), TRANSIENT, "", None),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_kind_and_words(
        self, error: Exception, kind: ErrorKind, advice: str, of_ours: str | None
    ) -> None:
        found = classify(error)
        name = type(error).__name__
        words = " ".join(str(error).split())
        words = words.rstrip(".") if advice else words
        code = f" [SNB{of_ours}]" if of_ours else ""
        assert (found.kind, str(found)) == (kind, f"{name}: {words}{advice}{code}")
        assert (found.code, found.throttled) == (name, False)
        assert found.__cause__ is error

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (SnowballConnectionError("'mine' cannot be found [SNB201]"), DENIED),
            (SnowballAnswerError("an answer is not whole"), TRANSIENT),
            (ArgumentError("page_size must be a number [SNB105]"), BAD_INPUT),
        ],
    )
    def test_our_own_speak_for_themselves(self, error: Exception, kind: ErrorKind) -> None:
        found = classify(error)
        assert (found.kind, str(found), found.code) == (kind, str(error), type(error).__name__)

    @pytest.mark.parametrize("word", ["value", "name"])
    def test_credentials_that_no_request_can_have(self, word: str) -> None:
        found = classify(ValueError(f"Invalid header {word} b'the secret\\nof it'"))
        assert (found.kind, str(found)) == (
            DENIED,
            f"ValueError: Invalid header {word} ***{LINE_BREAK} [SNB207]",
        )
        assert "secret" not in "".join(traceback.format_exception(found))


class TestRegions:
    """An address that cannot be reached, and may be of a region without Snowball."""

    @pytest.mark.parametrize(
        ("endpoint", "region"),
        [
            ("https://snowball.mx-central-1.amazonaws.com/", "mx-central-1"),
            ("https://snowball-fips.mx-central-1.amazonaws.com/", "mx-central-1"),
            ("https://sts.mx-central-1.amazonaws.com/", "mx-central-1"),
            ("https://snowball.us-gov-nowhere-1.amazonaws.com", "us-gov-nowhere-1"),
            ("https://snowball.xx-nowhere-12.amazonaws.com/", "xx-nowhere-12"),
        ],
    )
    def test_without_snowball(self, endpoint: str, region: str) -> None:
        error = bc.EndpointConnectionError(endpoint_url=endpoint)
        found = classify(error)
        assert found.kind is DENIED
        assert str(found) == (
            f'EndpointConnectionError: Could not connect to the endpoint URL: "{endpoint}"; region {region} '
            "has no AWS Snowball as far as botocore knows; choose the region of the jobs [SNB210]"
        )

    @pytest.mark.parametrize(
        "endpoint",
        [
            # A region of each partition that has it.
            "https://snowball.us-east-1.amazonaws.com/",
            "https://snowball-fips.us-gov-west-1.amazonaws.com/",
            "https://snowball.cn-north-1.amazonaws.com.cn/",
            "https://sts.eu-central-1.amazonaws.com/",
            # No address of AWS's that these calls have.
            "https://s3.mx-central-1.amazonaws.com/",
            "https://snowball.example.amazonaws.com/",
            "http://snowball.mx-central-1.amazonaws.com/",
            "see https://snowball.mx-central-1.amazonaws.com/",
            "https://snowball.mx-central-1",
            "http://127.0.0.1:5000",
        ],
    )
    def test_with_snowball_or_no_region(self, endpoint: str) -> None:
        found = classify(bc.EndpointConnectionError(endpoint_url=endpoint))
        assert found.kind is TRANSIENT
        assert "region" not in str(found)

    @pytest.mark.parametrize(
        "error",
        [
            bc.ReadTimeoutError(endpoint_url="https://snowball.mx-central-1.amazonaws.com/"),
            bc.ConnectTimeoutError(endpoint_url="https://snowball.mx-central-1.amazonaws.com/"),
            RuntimeError("https://snowball.mx-central-1.amazonaws.com/"),
        ],
    )
    def test_one_that_can_be_reached_has_it(self, error: Exception) -> None:
        """Botocore's list may be older than the region's Snowball."""
        assert classify(error).kind is TRANSIENT


class TestWhere:
    """Where a call went is told of what is wrong there and not elsewhere."""

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (answer("InvalidResourceException"), " (region us-east-1)"),
            (answer("SomethingNew"), " (region us-east-1)"),
            (bc.ProfileNotFound(profile="nobody"), " (region us-east-1)"),
            (answer("AccessDenied"), " (region us-east-1)"),
            (answer("ValidationException"), ""),
            (answer("Throttling"), ""),
            (ArgumentError("no"), ""),
            (OSError("no"), ""),
        ],
    )
    def test_kinds(self, error: Exception, told: str) -> None:
        words, code, end = str(classify(error)).partition(" [SNB")
        assert str(classify(error, "region us-east-1")) == words + told + code + end

    def test_what_names_its_connection_is_told_no_more(self) -> None:
        error = SnowballConnectionError("'mine' cannot be found [SNB201]")
        assert str(classify(error, "region us-east-1")) == "'mine' cannot be found [SNB201]"

    @pytest.mark.parametrize("error", [answer("InvalidResourceException"), answer("SomethingNew")])
    def test_nowhere(self, error: Exception) -> None:
        assert str(classify(error, "")) == str(classify(error))
        assert "(" not in str(classify(error))

    def test_it_comes_after_advice(self) -> None:
        assert str(classify(answer("ExpiredToken"), "here")).endswith(
            "its words; renew the session token (here) [SNB212]"
        )


SECRET = "wJalrXUtnFEMI"
SHOWS_A_SECRET: list[Callable[[], Exception]] = [
    lambda: ValueError(f"Invalid header value b'{SECRET}\\n'"),
    lambda: OSError(f"cannot reach https://me:{SECRET}@proxy:3128"),
    lambda: bc.ProxyConnectionError(proxy_url=f"http://me:{SECRET}@proxy:3128"),
    lambda: bc.EndpointConnectionError(endpoint_url=f"https://me:{SECRET}@snowball.us-east-1.amazonaws.com"),
    lambda: answer("AccessDenied", f"X-Amz-Security-Token: {SECRET}"),
    lambda: answer("SignatureDoesNotMatch", f"for Authorization={SECRET}"),
    lambda: bc.HTTPClientError(error=f"https://me:{SECRET}@proxy"),
]


def failing(error: BaseException) -> Callable[[], None]:
    """Return a call that raises an exception."""

    def call() -> None:
        raise error

    return call


def shown_of(error: BaseException | None) -> str:
    """Return the texts of an exception and of all that it came from, shown in a traceback or not."""
    texts = []
    while error is not None:
        texts.append(f"{error} {error!r}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


class TestSecrets:
    @pytest.mark.parametrize("make", SHOWS_A_SECRET)
    def test_none_in_words_nor_in_what_they_came_from(self, make: Callable[[], Exception]) -> None:
        found = classify(make())
        assert "***" in str(found)
        assert SECRET not in shown_of(found)

    @pytest.mark.parametrize("make", SHOWS_A_SECRET)
    def test_none_in_what_is_raised(self, make: Callable[[], Exception]) -> None:
        with pytest.raises(Exception, match=r"\*\*\*") as caught:
            permanent_as_such(failing(make()))
        assert SECRET not in shown_of(caught.value)

    def test_words_are_bounded(self) -> None:
        found = classify(answer("Throttling", "x" * 5000))
        assert len(str(found)) < 2100
        assert str(found).endswith("x… (5041 characters)")

    def test_the_advice_is_not_cut_off(self) -> None:
        assert str(classify(answer("ExpiredToken", "x" * 5000))).endswith(
            "characters); renew the session token [SNB212]"
        )


class TestPermanentAsSuch:
    """The same for whoever calls without a wait."""

    @pytest.mark.parametrize(
        "error",
        [
            answer("InvalidResourceException"),
            answer("ValidationException"),
            answer("AccessDenied"),
            bc.NoCredentialsError(),
            SnowballConnectionError("no connection"),
            ArgumentError("no"),
        ],
    )
    def test_what_stays_wrong(self, error: Exception) -> None:
        with pytest.raises(SnowballPermanentError) as caught:
            permanent_as_such(failing(error))
        assert str(caught.value) == str(classify(error))
        assert caught.value.__context__ is caught.value.__cause__ is None

    @pytest.mark.parametrize(
        "error",
        [answer("Throttling"), OSError("down"), SnowballAnswerError("torn"), RuntimeError("whatever")],
    )
    def test_what_may_pass_passes_through(self, error: Exception) -> None:
        with pytest.raises(type(error)) as caught:
            permanent_as_such(failing(error))
        assert caught.value is error

    def test_it_keeps_what_it_came_from(self) -> None:
        error = OSError("down")
        error.__context__ = ValueError("why")
        with pytest.raises(OSError, match="down") as caught:
            permanent_as_such(failing(error))
        assert isinstance(caught.value.__context__, ValueError)
        assert not caught.value.__suppress_context__

    def test_what_shows_a_secret_is_told_anew(self) -> None:
        with pytest.raises(bc.ClientError) as caught:
            permanent_as_such(failing(answer("Throttling", f"https://me:{SECRET}@proxy")))
        assert str(caught.value) == (
            "An error occurred (Throttling) when calling the ListClusterJobs operation: https://***@proxy"
        )
        assert caught.value.__context__ is caught.value.__cause__ is None

    def test_where_is_asked_for_when_something_fails(self) -> None:
        asked: list[str] = []

        def where() -> str:
            asked.append("asked")
            return "region us-east-1"

        assert permanent_as_such(lambda: "done", where) == "done"
        assert asked == []
        with pytest.raises(SnowballPermanentError, match=r"its words\. \(region us-east-1\) \[SNB303\]$"):
            permanent_as_such(failing(answer("InvalidResourceException")), where)
        assert asked == ["asked"]

    def test_nothing_fails(self) -> None:
        assert permanent_as_such(lambda: "done") == "done"

    def test_an_end_of_the_process_is_no_error(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            permanent_as_such(failing(KeyboardInterrupt()))


class TestRequestError:
    def test_what_it_is_without_more(self) -> None:
        error = RequestError(TRANSIENT, "its words")
        assert (error.kind, str(error), error.code, error.throttled) == (TRANSIENT, "its words", "", False)
