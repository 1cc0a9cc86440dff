"""What is said of an exception: no secret, and not too much."""

from __future__ import annotations

import json
from typing import Any

import botocore.exceptions as bc
import pytest

from airflow_provider_snowball.exceptions import SnowballAnswerError, SnowballError
from airflow_provider_snowball.hooks.redaction import bounded, redact, redacted, without_secrets


class TestBounded:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("as it is", "as it is"),
            ("", ""),
            (" two\n\tlines \r\n", "two lines"),
            ("x" * 2000, "x" * 2000),
            ("x" * 2001, "x" * 2000 + "… (2001 characters)"),
            ("ab" * 1500, "ab" * 1000 + "… (3000 characters)"),
            # Of the line, not of the text.
            ("a \n" * 1000 + "b", "a " * 1000 + "… (2001 characters)"),
            # The code of a message of ours, wherever the words end.
            ("x" * 2000 + " [SNB101]", "x" * 2000 + " [SNB101]"),
            ("x" * 2001 + " [SNB101]", "x" * 2000 + "… (2001 characters) [SNB101]"),
            ("x" * 2001 + " [SNB101].", "x" * 2000 + "… (2011 characters)"),
        ],
    )
    def test_text(self, text: str, line: str) -> None:
        assert bounded(text) == line


class TestRedacted:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("nothing to hide", "nothing to hide"),
            ("s3://bucket/me@home", "s3://bucket/me@home"),
            ("it is no JSON: Authorization: AWS4 [SNB301]", "it is no JSON: Authorization: *** [SNB301]"),
            ("me@example.com", "me@example.com"),
            ("at https://example.com/a?b=c", "at https://example.com/a?b=c"),
            ("at https://me:pw@example.com/a", "at https://***@example.com/a"),
            ("at https://me:p@ss/w:rd@example.com/a", "at https://***@example.com/a"),
            ("'http://me:pw@one' and 'http://me:pw@two'", "'http://***@one' and 'http://***@two'"),
            ('"http://one" is me@example.com', '"http://one" is me@example.com'),
            ("<http://one> is me@example.com", "<http://one> is me@example.com"),
            ('at "http://me:p\'w@one/"', 'at "http://***@one/"'),
            ("Invalid endpoint: me:p w@one:5000", "Invalid endpoint: ***@one:5000"),
            ("Invalid endpoint: one:5000", "Invalid endpoint: one:5000"),
            ("http://one me@example.com", "http://one me@example.com"),
            ("Invalid header value b'a\nb'", "Invalid header value ***"),
            ("Invalid header name b'a\nb'", "Invalid header name ***"),
            ("INVALID HEADER VALUE b'a\nb'", "INVALID HEADER VALUE ***"),
            ("Invalid header size", "Invalid header size"),
            ("Authorization: AWS4 a\nb", "Authorization: ***"),
            ("{'authorization': 'a', 'b': 'c'", "{'authorization': ***"),
            ('{"X-Amz-Security-Token" : "a"', '{"X-Amz-Security-Token" : ***'),
            ("x-amz-security-token=a\nb", "x-amz-security-token=***"),
            ("no authorization at all", "no authorization at all"),
            ("preauthorization: a", "preauthorization: a"),
            (
                "?X-Amz-Credential=a&X-Amz-Date=b&X-Amz-Signature=c",
                "?X-Amz-Credential=***&X-Amz-Date=b&X-Amz-Signature=***",
            ),
            ("?AWSAccessKeyId=a&Signature=b%2Bc&Expires=1", "?AWSAccessKeyId=a&Signature=***&Expires=1"),
            (
                "Credential=a/b, SignedHeaders=host, Signature=c",
                "Credential=***, SignedHeaders=host, Signature=***",
            ),
            ("security-token=a'", "security-token=***'"),
            ('signature=a"', 'signature=***"'),
            ("X-AMZ-SIGNATURE=a b", "X-AMZ-SIGNATURE=*** b"),
            ("Signature=", "Signature="),
        ],
    )
    def test_text(self, text: str, shown: str) -> None:
        assert redacted(text) == shown

    def test_again_changes_nothing(self) -> None:
        once = redacted("at https://me:pw@example.com/?Signature=a, authorization: b")
        assert redacted(once) == once


def answer(message: Any, **more: Any) -> bc.ClientError:
    response: Any = {
        "Error": {"Code": "Throttling", "Message": message} | more,
        "ResponseMetadata": {"RequestId": "r"},
    }
    return bc.ClientError(response, "ListJobs")


def raised(error: Exception, cause: Exception | None = None, context: Exception | None = None) -> Exception:
    error.__cause__ = cause
    error.__context__ = context
    return error


class Refused(bc.BotoCoreError):
    """An exception that cannot be made of its own keywords alone."""

    fmt = "refused by {host}"

    def __init__(self, host: str, *, times: int = 1) -> None:
        super().__init__(host=host, extra=times)


class TestWithoutSecrets:
    @pytest.mark.parametrize(
        "error",
        [
            OSError("down"),
            answer("slow down"),
            bc.NoRegionError(),
            OSError("x" * 2000),
            # Where nothing is hidden, nothing is told anew.
            OSError("x" * 2001),
            raised(OSError("down"), cause=ValueError("why")),
            raised(OSError("down"), context=ValueError("then")),
        ],
    )
    def test_what_may_be_shown_stays_itself(self, error: Exception) -> None:
        assert without_secrets(error) is error

    def test_an_answer_of_just_the_length_stays_itself(self) -> None:
        length = 2000 - len(str(answer("")))
        assert len(str(answer("x" * length))) == 2000
        for more, is_itself in ((0, True), (1, False)):
            error = answer("x" * (length + more))
            assert (without_secrets(error) is error) is is_itself

    @pytest.mark.parametrize(
        "why", [{"cause": ValueError("pw")}, {"context": ValueError("pw")}], ids=["cause", "context"]
    )
    def test_botocores_own_is_made_anew_without_what_it_came_from(self, why: dict[str, Exception]) -> None:
        for error in (answer("slow down"), bc.ReadTimeoutError(endpoint_url="https://one")):
            shown = without_secrets(raised(error, **why))
            assert type(shown) is type(error)
            assert str(shown) == str(error)
            assert shown.__cause__ is None
            assert shown.__context__ is None

    def test_an_answer(self) -> None:
        shown = without_secrets(answer("at https://me:pw@one\nhere", Type="Sender"))
        assert isinstance(shown, bc.ClientError)
        assert shown.operation_name == "ListJobs"
        assert shown.response == {
            "Error": {"Code": "Throttling", "Message": "at https://***@one here", "Type": "Sender"},
            "ResponseMetadata": {"RequestId": "r"},
        }

    def test_an_answers_code_is_not_trusted_either(self) -> None:
        shown = without_secrets(answer("down", Code="http://me:pw@one\n" + "x" * 2000))
        assert isinstance(shown, bc.ClientError)
        assert shown.response["Error"]["Code"] == "http://***@one " + "x" * 1985 + "… (2015 characters)"

    def test_an_answer_stays_as_it_was(self) -> None:
        error = answer("at https://me:pw@one")
        without_secrets(error)
        assert error.response["Error"]["Message"] == "at https://me:pw@one"

    def test_a_long_answer(self) -> None:
        shown = without_secrets(answer("x" * 2001))
        assert isinstance(shown, bc.ClientError)
        assert shown.response["Error"]["Message"] == "x" * 2000 + "… (2001 characters)"

    @pytest.mark.parametrize("response", [{}, {"Error": None}, {"Error": {}}])
    def test_an_answer_without_words(self, response: Any) -> None:
        error = bc.ClientError({"Error": {}}, "ListJobs")
        error.response = response
        shown = without_secrets(raised(error, cause=ValueError("pw")))
        assert isinstance(shown, bc.ClientError)
        assert shown.response["Error"] == {}
        assert str(shown) == "An error occurred (Unknown) when calling the ListJobs operation: Unknown"
        assert shown.__cause__ is None

    def test_botocores(self) -> None:
        shown = without_secrets(bc.ProxyConnectionError(proxy_url="http://me:pw@one\n"))
        assert type(shown) is bc.ProxyConnectionError
        assert dict(shown.kwargs) == {"proxy_url": "http://***@one"}
        assert str(shown) == 'Failed to connect to proxy URL: "http://***@one"'

    def test_botocores_in_a_line_within_bounds(self) -> None:
        shown = without_secrets(bc.ReadTimeoutError(endpoint_url="x" * 2001))
        assert isinstance(shown, bc.ReadTimeoutError)
        assert dict(shown.kwargs) == {"endpoint_url": "x" * 2000 + "… (2001 characters)"}

    def test_botocores_that_cannot_be_made_anew(self) -> None:
        shown = without_secrets(Refused("http://me:pw@one"))
        assert type(shown) is bc.BotoCoreError
        assert str(shown) == "An unspecified error occurred"

    def test_any_other(self) -> None:
        shown = without_secrets(ValueError("at http://me:pw@one\nhere"))
        assert type(shown) is ConnectionError
        assert str(shown) == "ValueError: at http://***@one here"

    def test_any_other_that_is_long(self) -> None:
        shown = without_secrets(ValueError("http://me:pw@one" + "x" * 2000))
        assert str(shown) == "ValueError: http://***@one" + "x" * 1986 + "… (2014 characters)"


class TestRedact:
    def test_in_the_whole_chain(self) -> None:
        cause = ValueError("Failed to parse: http://me:a/pw@proxy", 5)
        cause.location = "http://me:a/pw@proxy"  # type: ignore[attr-defined]  # as urllib3's have one
        error = bc.HTTPClientError(error=cause, endpoint_url="http://me:a/pw@proxy")
        error.__cause__ = error.__context__ = cause
        cause.__context__ = error
        redact(error)
        assert (
            str(error)
            == "An HTTP Client raised an unhandled exception: ('Failed to parse: http://***@proxy', 5)"
        )
        assert error.kwargs == {"error": cause, "endpoint_url": "http://***@proxy"}
        assert cause.args == ("Failed to parse: http://***@proxy", 5)
        assert vars(cause) == {"location": "http://***@proxy"}

    def test_a_cause_without_a_context_and_what_is_behind_both(self) -> None:
        def secret(number: int) -> ValueError:
            return ValueError(f"http://me:pw{number}@proxy")

        error, cause, context, behind = (secret(number) for number in range(4))
        error.__cause__ = cause
        redact(error)
        assert str(cause) == "http://***@proxy"
        error.__cause__, error.__context__ = behind, context
        redact(error)
        assert str(context) == str(behind) == "http://***@proxy"

    def test_what_an_answer_said_stays_where_it_is(self) -> None:
        error = answer("at http://me:pw@proxy")
        response = error.response
        redact(error)
        assert error.response is response
        assert not hasattr(error, "kwargs")


@pytest.mark.parametrize("kind", [SnowballError, SnowballAnswerError])
def test_an_error_of_ours_keeps_its_class(kind: type[SnowballError]) -> None:
    shown = without_secrets(kind(f"http://me:pw@one\n{'x' * 2000} [SNB301]"))
    assert type(shown) is kind
    assert str(shown) == f"http://***@one {'x' * 1985}… (2015 characters) [SNB301]"


def test_half_a_character_has_bytes() -> None:
    """As an answer may have it: no trigger's event could hand it on."""
    assert bounded(json.loads('"tray \\ud83d"')) == "tray ?"
