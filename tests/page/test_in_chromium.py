"""The page used as people use it, in a real Chromium; and by many programs at once."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from shutil import which

import pytest
from PIL import Image, ImageChops

from igo.images import read_text
from tests.page.served import SLOWLY
from tests.pages import ROOT

pytest.importorskip("gradio", reason="needs gradio: igo[page]")
httpx = pytest.importorskip("httpx")
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
QUIETLY = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 30_000
"""Milliseconds, on a machine that has other things to do."""
pytestmark = pytest.mark.slow
in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on the path")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address, folder and log of a page."""
    log = tmp_path_factory.mktemp("page") / "steps.log"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.page.served", log],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    address, folder = server.stdout.readline().split()
    yield address, Path(folder), log, server.pid
    server.stdin.close()
    assert server.wait(30) == 0
    server.stdout.close()
    assert not Path(folder).exists(), "what was uploaded and painted is gone with the page"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield running
        running.close()


@pytest.fixture
def somebody(tmp_path):
    image = Image.effect_noise((300, 420), 60).convert("RGB")
    image.save(tmp_path / "me.png")
    return tmp_path / "me.png"


@contextmanager
def opened(browser, served, query="", width=1280, height=900, **settings):
    """The page in a tab of its own, where nothing may go wrong and nobody else may be asked for anything."""
    context = browser.new_context(viewport={"width": width, "height": height}, **settings)
    context.set_default_timeout(PATIENCE)
    page, wrong, hosts = context.new_page(), [], set()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: hosts.add(re.sub(r"^(https?://[^/]*/|data:|blob:).*", r"\1", request.url)))
    page.goto(served[0] + query)
    page.wait_for_selector("#dress-paint")
    yield page
    assert not wrong
    assert hosts <= {served[0], "data:", "blob:"}
    context.close()


def to_tab(page, name):
    """Open a tab, of which those that don't fit lie in a menu."""
    tab = page.get_by_role("tab", name=name)
    if not tab.is_visible():
        page.get_by_label("More tabs").click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()


def downloaded(page, folder):
    with page.expect_download() as waiting:
        page.locator("#downloads a[download], #downloads a").first.click()
    waiting.value.save_as(folder / "result.png")
    return folder / "result.png"


@in_chromium
def test_somebody_is_dressed_in_a_zone_that_was_drawn_and_painted_again(browser, served, somebody, tmp_path):
    with opened(browser, served) as page:
        page.set_input_files("#dress-person input[type=file]", somebody)
        page.wait_for_selector("#dress-person img")
        page.click("#dress-zone button")
        page.click("#dress-draw")
        canvas = page.locator("#dress-editor canvas").last
        canvas.wait_for()
        page.wait_for_timeout(1500)
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(across - 20, down - 30)
        page.mouse.down()
        page.mouse.move(across + 20, down + 30, steps=8)
        page.mouse.up()
        page.wait_for_timeout(500)
        page.click("#dress-paint")
        page.wait_for_selector("#downloads a")
        page.wait_for_selector("#slider img")
        result = downloaded(page, tmp_path)
        changed = ImageChops.difference(Image.open(result).convert("RGB"), Image.open(somebody)).getbbox()
        assert changed is not None
        assert changed[0] > 30 and changed[1] > 30 and changed[2] < 270 and changed[3] < 390  # noqa: PT018
        assert any("a red hoodie" in text for text in read_text(result).values())
        page.click("#again")
        page.get_by_text("The same picture, byte for byte.").wait_for()
        page.click("#another")
        page.wait_for_function("document.querySelectorAll('#past img').length == 3")
        page.locator("#past button img").last.click()
        page.get_by_text("replays it").wait_for()


@in_chromium
def test_a_painting_is_watched_and_cancelled(browser, served):
    log = served[2]
    with opened(browser, served) as page:
        to_tab(page, "Look")
        page.fill("#look-prompt textarea", f"a coat, {SLOWLY}")
        page.click("#look-paint")
        page.wait_for_selector("#status img[alt=preview]")
        page.get_by_text(re.compile(r"stepping: \d+ of 40, about .* left")).wait_for()
        page.click("#cancel")
        page.get_by_text("Cancelled.").wait_for()
        page.wait_for_timeout(600)
        made = len(log.read_text().splitlines())
        page.wait_for_timeout(600)
        assert len(log.read_text().splitlines()) == made
        page.get_by_text("Cancelled.").wait_for()
        assert not page.locator("#cancel").is_visible()
        page.fill("#look-prompt textarea", "a (red:1.3) coat")
        page.click("#look-paint")
        page.wait_for_selector("#downloads a")


@in_chromium
def test_who_waits_sees_their_place(browser, served):
    with opened(browser, served) as first, opened(browser, served) as second:
        for page in (first, second):
            to_tab(page, "Look")
            page.fill("#look-prompt textarea", f"a coat, {SLOWLY}")
            page.click("#look-paint")
        place = second.get_by_text("queue: 1/1")
        place.wait_for()
        box = place.bounding_box()
        shown = Image.open(BytesIO(second.screenshot(clip=box))).convert("L")
        assert shown.getextrema()[0] < 128 < shown.getextrema()[1], "nothing hides it"
        for page in (first, second):
            page.click("#cancel")


@in_chromium
def test_by_keyboard_alone(browser, served):
    with opened(browser, served) as page:

        def tab_to(identity):
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate("id => document.activeElement?.closest('#' + id) !== null", identity):
                    return
            pytest.fail(f"the focus never comes to {identity}")

        while page.evaluate("document.activeElement.textContent.trim()") != "Look":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#look-paint")
        tab_to("look-prompt")
        page.keyboard.type("a navy coat ")
        tab_to("look-paint")
        page.keyboard.press("Enter")
        page.wait_for_selector("#downloads a")
        tab_to("downloads")


@in_chromium
def test_on_a_phone_nothing_lies_beside_the_screen(browser, served):
    with opened(browser, served, width=390, height=800, is_mobile=True, has_touch=True) as page:
        for name in ("Dress", "Look", "Extend", "Enlarge", "Chain", "Batch"):
            to_tab(page, name)
            page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        to_tab(page, "Look")
        page.click("#look-paint")
        page.wait_for_selector("#downloads a")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const parse = text => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const light = ([r, g, b]) => {
    const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const color = parse(getComputedStyle(element).backgroundColor);
      if (color[3] > 0.9) return color;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const found = [];
  const kinds = 'button, p, label, span, h1, a, sub, textarea, input:not([type=radio])';
  for (const element of document.querySelectorAll(kinds)) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) || (!own && !element.value)) continue;
    const style = getComputedStyle(element), [one, other] = [light(parse(style.color)), light(ground(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    const told = (element.textContent || element.value).trim().slice(0, 40);
    if (ratio < (large ? 3 : 4.5)) found.push(`${told} (${ratio.toFixed(2)})`);
  }
  return found;
}"""


@in_chromium
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_on_their_ground(browser, served, theme):
    with opened(browser, served, f"?__theme={theme}") as page:
        to_tab(page, "Look")
        page.click("#look-paint")
        page.wait_for_selector("#downloads a")
        for name in ("Dress", "Look", "Chain", "Batch"):
            to_tab(page, name)
            page.wait_for_timeout(400)
            assert page.evaluate(CONTRASTS) == [], name


@in_chromium
def test_mistakes_in_a_chain_are_told_at_their_field(browser, served):
    with opened(browser, served) as page:
        to_tab(page, "Chain")
        page.click("#chain-add")
        field = page.get_by_label("scale", exact=False).first
        field.fill("99")
        field.blur()
        page.get_by_text("⚠ scale is 99").wait_for()
        page.get_by_role("button", name="Remove").last.click()
        page.get_by_text("As a chain file (TOML)").click()
        page.fill("#chain-text textarea", "[[step]]\nuse = 'nowhere'\n")
        page.click("#chain-read")
        page.get_by_text("chain:2: no plugin 'nowhere' is installed").wait_for()


@in_chromium
def test_what_is_wrong_with_a_chain_is_told_in_its_forms_when_it_is_painted(browser, served):
    with opened(browser, served) as page:
        to_tab(page, "Chain")
        page.click("#chain-use input")
        page.get_by_role("option", name="virtual-styling").click()
        page.click("#chain-add")
        page.get_by_label("target", exact=False).first.fill("a coat")
        page.click("#chain-paint")
        page.get_by_text("⚠ to is empty; it has to be given").wait_for()
        page.get_by_text("Nothing was painted").wait_for()
        assert page.get_by_label("target", exact=False).first.input_value() == "a coat"


@in_chromium
def test_numbers_that_are_left_out_stay_out(browser, served):
    with opened(browser, served) as page:
        to_tab(page, "Look")
        page.get_by_text("More settings").locator("visible=true").click()
        page.fill("#look-prompt textarea", "a coat")
        page.click("#look-paint")
        page.wait_for_selector("#downloads a")
        page.get_by_label("Height in pixels").fill("much")
        page.click("#look-paint")
        page.get_by_text("height is 'much'; expected a whole number of at least 1").wait_for()
        assert not page.locator("#cancel").is_visible()


@in_chromium
def test_what_is_no_picture_is_one_line(browser, served, tmp_path):
    (tmp_path / "me.png").write_text("no picture")
    with opened(browser, served) as page:
        to_tab(page, "Enlarge")
        page.set_input_files("#enlarge-picture input[type=file]", tmp_path / "me.png")
        page.wait_for_timeout(500)
        page.click("#enlarge-paint")
        page.get_by_text("the picture for 'Picture' is a text file: expected PNG").wait_for()


def begun(client, prompt, seed=1):
    """Ask by the API, as a session of its own; the name of what was asked."""
    data = [prompt, "", None, None, None, None, 1, seed]
    return client.post("gradio_api/call/look", json={"data": data}).json()["event_id"]


def asked(client, prompt, seed=1):
    """What the API answers, as lists of files and texts. Raises ``AssertionError`` for an error."""
    return answered(client, begun(client, prompt, seed))


def answered(client, event):
    with client.stream("GET", f"gradio_api/call/look/{event}") as lines:
        name = ""
        for line in lines.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name in ("complete", "error"):
                assert name == "complete", line
                return line
    raise AssertionError("the answer ended early")


USERS = int(os.environ.get("IGO_USERS", "6"))
"""With IGO_USERS=50 they are fifty."""


def test_who_asks_first_is_painted_first(served):
    """Three requests of each user, all of which wait for one that takes its time."""
    address, _, log, _ = served
    prompts = [f"a coat, asked for as number {number}" for number in range(3 * USERS)]
    with httpx.Client(base_url=address, timeout=120) as client:
        events = [begun(client, prompt) for prompt in (f"a coat, {SLOWLY}", *prompts)]
        for event in reversed(events):
            answered(client, event)
    painted = [line.split(" ", 1)[1] for line in log.read_text().splitlines() if line.startswith("1 ")]
    assert [prompt for prompt in painted if prompt in prompts] == prompts


def test_users_at_once_get_what_they_asked_for(served):
    """Three requests each: none lost, none mixed up, and memory stays."""
    users = USERS
    address, _, _, pid = served

    def used():
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024

    def user(number):
        with httpx.Client(base_url=address, timeout=120) as client:
            found = []
            for request in range(3):
                answer = asked(client, f"a coat of user {number}, request {request}", number)
                url = re.search(r'"url": ?"([^"]+igo-\d+\.png)"', answer)[1]
                text = " ".join(read_text(client.get(url).content).values())
                found.append(f"a coat of user {number}, request {request}" in text and f"igo-{number}.png" in url)
            return found

    with httpx.Client(base_url=address, timeout=120) as client:
        asked(client, "a coat")
    before = used()
    with ThreadPoolExecutor(users) as pool:
        assert [all(found) and len(found) == 3 for found in pool.map(user, range(1, users + 1))] == [True] * users
    assert used() - before < 150, "MB"


def test_files_of_others_are_not_handed_out(served):
    address, folder, _, _ = served
    with httpx.Client(base_url=address, timeout=60) as client:
        asked(client, "a coat")
        (kept, *_) = (folder / "looks").glob("*/*.png")
        for path in ("/etc/passwd", folder, folder / "looks", kept.parent, kept, folder / "gradio", Path(__file__)):
            assert client.get(f"gradio_api/file={path}").status_code in (403, 404), path
        outside = client.get(f"gradio_api/file={folder}/gradio/../looks/{kept.parent.name}/{kept.name}")
        assert outside.status_code in (403, 404)


def test_a_file_that_is_too_large_is_refused(served):
    with httpx.Client(base_url=served[0], timeout=60) as client:
        answer = client.post("gradio_api/upload", files={"files": ("me.png", b"\0" * (65 * 2**20))})
        assert answer.status_code == 413
        assert "maximum allowed size" in answer.text
