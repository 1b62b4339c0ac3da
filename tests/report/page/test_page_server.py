"""The live page: served to this machine only, two addresses, made anew when the ledger has grown."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator

import pytest
from html_pages import read_html
from told_runs import searched

from automix_search.errors import InputError
from automix_search.report.page import server as served
from automix_search.report.page.server import PageServer
from automix_search.tuning.ledger import Ledger
from automix_search.tuning.run_folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return searched(tmp_path_factory.mktemp("runs"), trials=2)


@pytest.fixture(scope="module")
def server(run: RunFolder) -> Iterator[PageServer]:
    with PageServer(run, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: PageServer, path: str = "/", method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", server.address)


def test_the_page_is_live_and_its_browser_is_held_to_it(server):
    answer, body = ask(server)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    page = read_html(body)
    assert page.one("button", id="pause")
    assert "live.js" in {script.attributes.get("data-name") for script in page.all("script")}
    assert page.one("meta", http_equiv="Content-Security-Policy").attributes["content"] in policy


def test_the_page_is_made_anew_when_the_ledger_has_grown(run, server, monkeypatch):
    made = []

    def build(folder, *, live):
        made.append(live)
        return f"page {len(made)}"

    monkeypatch.setattr(served, "build_page", build)
    server.live._made_of = -1
    assert [ask(server)[1] for _ in range(2)] == ["page 1", "page 1"]
    before = json.loads(ask(server, "/status.json")[1])["size"]
    ledger = Ledger(run.ledger)
    ledger.append("closed")
    ledger.close()
    assert json.loads(ask(server, "/status.json")[1])["size"] == run.ledger.stat().st_size > before
    assert ask(server)[1] == "page 2"
    assert made == [True, True]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/", "/status.json"])
def test_who_calls_it_by_another_name_is_refused(server, headers, status, path):
    port = str(server.server_address[1])
    answer, body = ask(server, path, **{name: value.format(port=port) for name, value in headers.items()})
    assert answer.status == status
    assert (body == "only for this machine\n") == (status == 403)


@pytest.mark.parametrize("path", ["/ledger.jsonl", "/..", "/../launch.yaml", "/?x", "/status.json/"])
def test_there_is_nothing_else(server, path):
    answer, body = ask(server, path)
    assert answer.status == 404
    assert "status.json" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS"])
def test_nothing_can_be_sent(server, method):
    assert ask(server, method=method)[0].status == 501


def test_a_damaged_run_is_told_in_the_browser(run, server):
    (run.path / "verdict.json").write_text("{")
    server.live._made_of = -1
    try:
        answer, body = ask(server)
    finally:
        (run.path / "verdict.json").unlink()
    assert answer.status == 500
    assert body.startswith("error: cannot read")


def test_a_port_that_is_taken_is_told(run, server):
    with pytest.raises(InputError, match="give another --port"):
        PageServer(run, server.server_address[1])
