"""
Keep secrets out of what is said of an exception, and what is said within bounds.

Exceptions of urllib3 and botocore show request headers, and addresses with their passwords; an error page
may be as long as it likes.
"""

from __future__ import annotations

import re

import botocore.exceptions as bc

from airflow_provider_snowball.exceptions import SnowballError

__all__ = ["bounded", "code_apart", "redact", "redacted", "without_secrets"]

#: How long a text about an error may be.
_LONGEST = 2000
_SECRETS = (
    # A password in an address, whatever characters it has; a place in S3 has none.
    (re.compile(r"(?<=://)(?<!\bs3://)\S*@"), "***@"),
    # In what was meant for one.
    (re.compile(r"(?i)\b(invalid endpoint: ).*@"), r"\1***@"),
    # A header that cannot be sent, as http.client shows it.
    (re.compile(r"(?i)(invalid header (?:value|name) ).*", re.DOTALL), r"\1***"),
    (re.compile(r"(?i)\b((?:authorization|x-amz-security-token)['\"]?\s*[:=]\s*).*", re.DOTALL), r"\1***"),
    # A signed request, or a link that is good for whoever has it.
    (re.compile(r"(?i)\b((?:X-Amz-)?(?:Signature|Credential|Security-Token)=)[^&\s,'\"]+"), r"\1***"),
)
_CODE = re.compile(r" \[SNB\d{3}\]$")


def bounded(text: str) -> str:
    """Return a text in a single line, its beginning if it is too long, of characters that have bytes."""
    whole = text.encode(errors="replace").decode()
    line, code = code_apart(" ".join(whole.split()))
    if len(line) > _LONGEST:
        line = f"{line[:_LONGEST]}… ({len(line)} characters)"
    return f"{line}{code}"


def redacted(text: str) -> str:
    """Return a text without the secrets that exceptions show."""
    text, code = code_apart(text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return f"{text}{code}"


def code_apart(text: str) -> tuple[str, str]:
    """Return a text without the code that a message of ours may have at its end, and the code."""
    found = _CODE.search(text)
    return (text[: found.start()], found[0]) if found else (text, "")


def redact(error: BaseException) -> None:
    """Take secrets out of an exception and out of those behind it, which stay what they are."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.args = tuple(_redacted_text(value) for value in each.args)
        for name, value in list(vars(each).items()):
            if isinstance(value, str):
                setattr(each, name, redacted(value))
            elif name == "kwargs" and isinstance(value, dict):
                # What botocore made the text from.
                each.kwargs = {key: _redacted_text(one) for key, one in value.items()}  # type: ignore[attr-defined]
        left += [each.__cause__, each.__context__]


def _redacted_text(value: object) -> object:
    return redacted(value) if isinstance(value, str) else value


def without_secrets(error: BaseException) -> BaseException:
    """
    Return an exception as it is if its text may be shown, or one in its place.

    That is of the same class where botocore made it, and so can be caught alike.
    """
    text = str(error)
    if redacted(text) == text and len(text) <= _LONGEST and error.__cause__ is None is error.__context__:
        return error
    if isinstance(error, SnowballError):
        return type(error)(bounded(redacted(text)))
    if isinstance(error, bc.ClientError):
        told = dict(error.response.get("Error") or {})
        for name in ("Code", "Message"):
            if name in told:
                told[name] = bounded(redacted(str(told[name])))
        return type(error)({**error.response, "Error": told}, error.operation_name)  # type: ignore[typeddict-item]  # as botocore itself does
    if isinstance(error, bc.BotoCoreError):
        try:
            return type(error)(
                **{name: bounded(redacted(str(value))) for name, value in error.kwargs.items()}
            )
        except Exception:
            return bc.BotoCoreError()
    if redacted(text) == text:
        return error
    return ConnectionError(f"{type(error).__name__}: {bounded(redacted(text))}")
