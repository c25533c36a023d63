"""The book in Chromium, opened from the disk: what a reader does, light, dark, narrow and on paper.

    python -m pytest -n 0 -m browser --require-browser

needs Debian's chromium, or another that CHROMIUM names, and pip install -e ".[browser,book]".
"""
import os
import shutil
from pathlib import Path

import pytest

from demos.book.build import build

pytestmark = pytest.mark.browser
PAGES = ["index", "squash", "routing", "capsnet", "routing-rounds"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser(request):
    lack = pytest.fail if request.config.getoption("--require-browser") else pytest.skip
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        lack("there is no Chromium: install the package chromium, or name one by CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lack('Playwright is not installed: pip install -e ".[browser]"')
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def book(browser, tmp_path_factory):
    """Return the folder of a book, built after it is known that there is a browser."""
    folder = tmp_path_factory.mktemp("book")
    build(folder)
    return folder


@pytest.fixture
def open_page(browser, book):
    """Return a function that opens a page; afterwards nothing may have complained or left the disk.
    """
    heard, pages = [], []

    def open_page(name, **settings):
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | settings)
        pages.append(page)
        page.on("console", lambda message: heard.append(message.text)
                if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url)
                if not request.url.startswith(("file://", "blob:", "data:")) else None)
        page.goto((book / f"{name}.html").as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not heard


def lit(page):
    return page.locator(".lit").count()


def test_search_finds_a_title_a_symbol_and_a_tag(open_page):
    page = open_page("index")
    for words, title in [("squash", "squash"), ("û", "predictions"), ("l.5", "routing")]:
        page.fill("#query", words)
        assert title in page.inner_text("#found").lower(), words
    page.fill("#query", "squash")
    page.press("#query", "Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/squash.html*")
    assert page.inner_text("h1") == "squash"


def test_a_line_and_its_answers_light_up_under_the_pointer_and_the_keyboard(open_page):
    page = open_page("routing")
    assert lit(page) == 0
    line = page.locator("[data-tags='l-5']").first
    line.hover()
    assert lit(page) == page.locator("[data-tags~='l-5']").count() > 2
    assert "dû += c ds" in page.inner_text("#step")
    page.mouse.move(0, 0)
    assert lit(page) == 0
    page.locator("[data-tags~='l-7'] a.tag").first.focus()
    assert lit(page) == page.locator("[data-tags~='l-7']").count() > 2


def test_a_symbol_says_its_name_and_shape(open_page):
    page = open_page("routing")
    symbol = page.locator("#formula ~ * .symbol, .formula .symbol").filter(has_text="u").first
    symbol.hover()
    assert "(n, i, j, q)" in page.inner_text("#tip")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    page.locator(".symbol[tabindex]").first.focus()
    assert page.locator("#tip").is_visible()


def test_the_menu_of_faults_shows_the_table_that_exposes_each_or_does_not(open_page):
    page = open_page("routing")
    words = page.locator("#faults option").all_inner_texts()
    backward = [k for k, text in enumerate(words) if "backward" in text]
    forward = [k for k, text in enumerate(words) if "forward" in text]
    assert len(backward) >= 2 and forward
    for k in backward:
        page.select_option("#faults", index=k)
        assert page.locator(".panel:visible").count() == 1
        assert "WRONG" in page.inner_text(".panel:visible")
    page.select_option("#faults", index=forward[0])
    check, loops = page.locator(".panel:visible table").all_inner_texts()
    assert "WRONG" not in check and "ok" in check and "WRONG" in loops


def test_the_slider_steps_through_the_rounds_and_back(open_page):
    page = open_page("routing-rounds")
    seen = [page.inner_text("#drawing")]
    for _ in range(int(page.get_attribute("#position", "max"))):
        page.press("#position", "ArrowRight")
        seen.append(page.inner_text("#drawing"))
    assert len({*seen}) == len(seen) > 5 and "Backward" in seen[-1]
    page.click("#back")
    assert page.inner_text("#drawing") == seen[-2]


def test_a_loop_runs_in_the_page_and_is_judged(open_page):
    page = open_page("squash")

    def run(wait="#loop-result table"):
        page.click("#loop-run")
        page.wait_for_selector(wait, timeout=60_000)
        return page.inner_text("#loop-result")

    assert "WRONG" not in run()
    page.fill("#loop-code", page.input_value("#loop-code").replace("1 + norm", "2 + norm"))
    page.evaluate("document.getElementById('loop-result').replaceChildren()")
    assert "WRONG" in run()
    page.click("#loop-reset")
    page.fill("#loop-inputs", page.input_value("#loop-inputs").replace("s = [", "s = [", 1)
              .replace("-", ""))
    assert "not judged" in run()


def test_an_endless_loop_is_stopped(open_page):
    page = open_page("squash")
    page.fill("#loop-code", "def squash(s):\n    while True:\n        pass\n")
    page.click("#loop-run")
    page.wait_for_selector("#loop-stop:enabled")
    page.click("#loop-stop")
    assert "Stopped" in page.inner_text("#loop-result")


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_screen_does_not_scroll_sideways(open_page, name):
    page = open_page(name, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_can_be_printed(open_page, tmp_path):
    page = open_page("routing")
    content = page.pdf(path=tmp_path / "routing.pdf")
    assert content.startswith(b"%PDF") and len(content) > 20_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(open_page, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(name, color_scheme=scheme)
    results = axe.run(page, options={"preload": False})       # it asks for what lies on the disk
    assert results.violations_count == 0, results.generate_report()


def test_dark_is_dark(open_page):
    def brightness(scheme):
        page = open_page("squash", color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour[4:-1].split(","))

    assert brightness("dark") < 200 < 600 < brightness("light")


def test_the_figures_of_the_gallery_can_be_taken(open_page, tmp_path):
    """With SCREENSHOTS=demos/figures in the environment they are renewed."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    page = open_page("routing", viewport={"width": 1280, "height": 1120})
    page.locator("#formula").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('formula').scrollIntoView()")
    page.locator("[data-tags='l-5']").first.hover()
    page.screenshot(path=folder / "book_pair.png")
    page = open_page("routing-rounds", viewport={"width": 1000, "height": 1000})
    for _ in range(4):
        page.press("#position", "ArrowRight")
    page.locator("#drawing").screenshot(path=folder / "book_routing.png")
    assert all((folder / name).stat().st_size > 10_000
               for name in ("book_pair.png", "book_routing.png"))
