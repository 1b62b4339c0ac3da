"""The page of a run, served on this machine while the search goes on."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from automix_search.errors import AutomixError, InputError
from automix_search.report.page.build import build_page
from automix_search.report.page.material import ledger_size
from automix_search.report.page.render import content_policy
from automix_search.tuning.run_folder import RunFolder

HOST = "127.0.0.1"


class LivePage:
    """The page of a run, made anew when its ledger has grown."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._made_of = -1
        self._page = b""
        self._lock = threading.Lock()

    def page(self) -> bytes:
        """The page as the run stands.

        Raises:
            InputError: A file of the run is damaged.
        """
        with self._lock:
            size = ledger_size(self.run)
            if size != self._made_of:
                self._page, self._made_of = build_page(self.run, live=True).encode(), size
            return self._page


class PageServer(ThreadingHTTPServer):
    """Serves the page of a run at `/` and the size of its ledger at `/status.json`, to this machine only.

    Requests that name another host are refused, so that a page elsewhere on the web cannot read this one by a name
    that it has made to mean this machine.

    Args:
        run: The run folder.
        port: Where to listen; 0 takes any that is free.

    Raises:
        InputError: The port is taken.
    """

    daemon_threads = True

    def __init__(self, run: RunFolder, port: int) -> None:
        self.live = LivePage(run)
        try:
            super().__init__((HOST, port), PageRequest)
        except OSError as error:
            raise InputError(f"cannot serve on port {port}: {error.strerror}; give another --port") from None

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What a request may call this server."""
        return frozenset(f"{name}:{self.server_address[1]}" for name in (HOST, "localhost"))


class PageRequest(BaseHTTPRequestHandler):
    """Answers one request."""

    server: PageServer
    server_version, sys_version = "automix-search", ""

    def do_GET(self) -> None:
        """Answer, or say why not."""
        if not self._is_ours():
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"only for this machine\n")
        elif self.path == "/status.json":
            size = {"size": ledger_size(self.server.live.run)}
            self._answer(HTTPStatus.OK, "application/json", json.dumps(size).encode())
        elif self.path == "/":
            self._page()
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there are / and /status.json\n")

    def _is_ours(self) -> bool:
        origin = self.headers.get("Origin")
        named = [self.headers.get("Host", ""), *([] if origin is None else [urlsplit(origin).netloc])]
        return self.server.hosts.issuperset(named)

    def _page(self) -> None:
        try:
            page = self.server.live.page()
        except AutomixError as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", f"error: {error}\n".encode())
        else:
            self._answer(HTTPStatus.OK, "text/html", page)

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", f"{content_policy(live=True)}; frame-ancestors 'none'"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""
