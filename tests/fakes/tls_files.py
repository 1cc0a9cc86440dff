"""Files over HTTPS, whose certificate is of an authority that nobody else knows."""

from __future__ import annotations

import ssl
from http.server import ThreadingHTTPServer
from pathlib import Path

import trustme

from tests.fakes.local_server import LocalServer, QuietHandler


class TlsFiles(LocalServer):
    """
    The server, as a context manager.

    :param file: what every link leads to.
    :param folder: where the authority's certificate is put.
    :param redirect: where every link leads to instead, if anywhere.
    """

    def __init__(self, file: bytes, folder: Path, redirect: str | None = None) -> None:
        self.file = file
        self.redirect = redirect
        self._authority = trustme.CA()
        self.ca_bundle = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_bundle))

    def server(self) -> ThreadingHTTPServer:
        """Return what serves, by TLS."""
        server = super().server()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return server

    def handler(self) -> type[QuietHandler]:
        """Return what hands out the file."""
        files = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                if files.redirect is None:
                    self.reply(200, "text/plain", files.file)
                    return
                self.send_response(302)
                self.send_header("Location", files.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler

    @property
    def link(self) -> str:
        """A link to the file."""
        return f"{self.endpoint_url.replace('http:', 'https:')}/log"
