"""The page in a real browser: no errors, every figure drawn, nothing asked of the network; on a phone, in the dark."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from told_runs import searched

from automix_search.report.page import write_page
from automix_search.report.page.server import PageServer
from automix_search.tuning.ledger import Ledger
from automix_search.tuning.run_folder import RunFolder

webdriver = pytest.importorskip(
    "selenium.webdriver", reason="selenium is not installed: pip install selenium"
)
WebDriverWait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="there is no Chromium with its driver: apt-get install chromium chromium-driver",
    ),
]
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOOKS = [(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")]
TRACES = ".scatterlayer .trace, .barlayer .trace, .heatmaplayer image"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return searched(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def file(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(run, path)
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


def look(chromium: Any, address: str, width: int = 1200, scheme: str = "light") -> None:
    """Open a page and all that is folded in it."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get(address)
    chromium.execute_async_script(
        """
        for (const fold of document.querySelectorAll("details")) fold.open = true;
        const done = arguments[0];
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)));
        """
    )


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_figure_is_drawn_without_an_error(chromium, file, width, scheme):
    look(chromium, file.as_uri(), width, scheme)
    wanted = chromium.execute_script("return document.querySelectorAll('.plot').length")
    assert wanted >= 9
    drawn = f"""
        return [...document.querySelectorAll(".js-plotly-plot")].filter(
            (plot) => plot.querySelector(".main-svg") && plot.querySelector("{TRACES}")
        ).length
    """
    assert chromium.execute_script(drawn) == wanted
    assert chromium.get_log("browser") == []
    assert chromium.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_nothing_is_wider_than_the_screen(chromium, file, width, scheme):
    look(chromium, file.as_uri(), width, scheme)
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width


def test_figures_follow_the_colours_of_the_reader(chromium, file):
    def ink() -> list[str]:
        look = (
            "return [...document.querySelectorAll('.plot .legendtext')].map((e) => getComputedStyle(e).fill)"
        )
        return list(chromium.execute_script(look))

    look(chromium, file.as_uri(), scheme="light")
    light = ink()
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
    assert set(light) == {"rgb(28, 33, 38)"}
    WebDriverWait(chromium, 30).until(lambda _: set(ink()) == {"rgb(228, 231, 234)"})


def test_the_keyboard_reaches_the_verdict_first_and_sorts_the_leaderboard(chromium, file):
    look(chromium, file.as_uri())
    chromium.switch_to.active_element.send_keys("\ue004")
    assert chromium.switch_to.active_element.text == "Skip to the verdict"
    chromium.switch_to.active_element.send_keys("\ue007")
    assert chromium.switch_to.active_element.get_attribute("id") == "verdict"
    names = "return [...document.querySelectorAll('#leaderboard tbody th')].map((cell) => cell.textContent)"
    before = chromium.execute_script(names)
    button = chromium.find_element("xpath", "//section[@id='leaderboard']//th/button[text()='search']")
    orders = []
    for _ in range(2):
        button.send_keys("\ue007")
        orders.append(chromium.execute_script(names))
    scores = "return [...document.querySelectorAll('#leaderboard tbody tr')].map((row) => row.children[4].textContent)"
    falling = [float(text) for text in chromium.execute_script(scores) if text != "–"]
    assert falling == sorted(falling, reverse=True)
    assert len({tuple(before), *map(tuple, orders)}) == 3
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"


def test_a_live_page_comes_anew_when_the_search_goes_on(chromium, run):
    size = "return document.getElementById('live')?.dataset.size"
    with PageServer(run, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            look(chromium, server.address)
            before = chromium.execute_script(size)
            ledger = Ledger(run.ledger)
            ledger.append("closed")
            ledger.close()
            WebDriverWait(chromium, 60).until(lambda page: page.execute_script(size) not in (None, before))
            assert chromium.execute_script(size) == str(run.ledger.stat().st_size)
            assert chromium.get_log("browser") == []
        finally:
            server.shutdown()
            thread.join()
