"""An endpoint of AWS's Security Token Service that knows one identity."""

from __future__ import annotations

from urllib.parse import parse_qs

from tests.fakes.local_server import LocalServer, QuietHandler

ARN = "arn:aws:iam::123456789012:user/warehouse"
REFUSAL = f"User: {ARN} is not authorized to perform: sts:AssumeRole on resource: {{role}}"

_IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>{ARN}</Arn><UserId>AID</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
_CREDENTIALS = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>of-the-role</SecretAccessKey>
<SessionToken>of-the-role</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_ERROR = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>"""


class StsServer(LocalServer):
    """
    The server, as a context manager; ``actions`` are those asked for so far.

    :param assumable: whether its identity may assume roles.
    """

    def __init__(self, *, assumable: bool = False) -> None:
        self.actions: list[str] = []
        self.assumable = assumable

    def handler(self) -> type[QuietHandler]:
        """Return what answers the two actions."""
        server = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                [action] = form["Action"]
                server.actions.append(action)
                if action == "GetCallerIdentity":
                    status, text = 200, _IDENTITY
                elif server.assumable:
                    status, text = 200, _CREDENTIALS
                else:
                    refusal = REFUSAL.format(role=form.get("RoleArn", ["none"])[0])
                    status, text = 403, _ERROR.format(message=refusal)
                self.reply(status, "text/xml", text.encode())

        return Handler
