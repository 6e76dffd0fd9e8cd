"""The report: one file in which every text is a text, every picture a small one, and nothing comes from elsewhere."""

import json
import re
from base64 import b64decode
from dataclasses import dataclass
from html.parser import HTMLParser
from io import BytesIO
from shutil import which

import pytest
from PIL import Image

import igo
from igo.batch import JOURNAL, read_journal, run, write_report
from igo.batch import thumbnails as thumbs
from igo.cli import main
from igo.errors import JournalError, NothingFoundError, SettingsError
from igo.testing import PaintedBase

HOSTILE = "</script><script>document.title = 'taken'</script><img src=//elsewhere/x onerror=alert(1)>\"'&lt;<!--"
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")


@dataclass(frozen=True)
class Judge:
    """Says of seams what the seed says, and of some prompts that nothing was found."""

    @igo.hookimpl
    def postprocess(self, frame, request):
        if "nothing" in request.prompt:
            raise NothingFoundError(f"no {HOSTILE}", area=0.0, confidence=0.25)
        frame = frame.noted(seam=frame.seed / 10, area=0.125, confidence=None, note=HOSTILE)
        return frame.noted(seam=None, area=0.1, confidence=0.75, zone={"seam": 0.05, "confidence": 0.5, "area": True})


@pytest.fixture
def looks(tmp_path, photo):
    """A batch with all there may be in it."""
    garment = tmp_path / "garment.png"
    Image.new("RGBA", (30, 10), (200, 0, 0, 128)).save(garment)
    rows = [
        {"id": "first", "prompt": f"a coat {HOSTILE}", "seed": 3, "image": photo, "strength": 0.5},
        {"id": "second", "prompt": "a coat", "seed": 9, "references": {"garment": garment}},
        {"id": "bad & b", "prompt": "nothing", "seed": 1, "image": photo},
        {"id": "several", "prompt": "coats", "seed": 4, "num_images": 2},
    ]
    run(rows, igo.Chain(PaintedBase(), Judge()), tmp_path / "looks")
    return tmp_path / "looks"


class Page(HTMLParser):
    """A report, as a browser takes it apart."""

    def __init__(self, path):
        super().__init__()
        self.places, self.texts, self._open = [], {}, ""
        self.feed(path.read_text("utf-8"))
        data = json.loads(self.texts["script rows"])
        self.rows = {row["id"]: row for row in data["rows"]}
        self.kinds, self.summary = data["kinds"], data["summary"]
        self.lines = self.texts.get("script thumbnails", "").split("\n")
        self.lines = [line for line in self.lines if line]

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places += [given[name] for name in ("src", "href") if name in given]
        self._open = " ".join(filter(None, [tag, given.get("id") or given.get("class")]))

    def handle_data(self, data):
        self.texts[self._open] = self.texts.get(self._open, "") + data

    def picture(self, number):
        _, size, data = self.lines[number].split(" ")
        with Image.open(BytesIO(b64decode(data))) as image:
            return size, image.convert("RGB")


def test_a_report_has_each_row(looks):
    written = write_report(looks)
    assert (written.path, written.rows, written.failed) == (looks / "report.html", 4, 1)
    assert written.size == written.path.stat().st_size
    page = Page(written.path)
    assert list(page.rows) == ["first", "second", "bad & b", "several"]
    first, second, bad, several = page.rows.values()
    assert first["prompt"] == f"a coat {HOSTILE}"
    assert ["strength", "0.5"] in first["settings"]
    assert ["image", "../photo.png"] in first["settings"]
    (shown,) = first["pictures"]
    assert [shown[name] for name in ("seam", "area", "confidence", "width", "height")] == [0.3, 0.125, 0.5, 40, 60]
    assert shown["link"] == shown["file"] == "first-3.png"
    assert page.picture(first["before"])[0] == "40x60"
    red, _, blue = page.picture(first["before"])[1].getpixel((9, 9))
    assert abs(red - 120) < 9 > abs(blue - 200)
    assert [(name, page.picture(number)[0]) for name, number in second["references"]] == [("garment", "30x10")]
    assert (bad["status"], bad["kind"], bad["pictures"], bad["size"]) == ("failed", "NothingFoundError", [], [40, 60])
    assert bad["error"] == f"NothingFoundError: step 'judge' (postprocess): no {HOSTILE}"
    assert ["confidence", "0.25"] in bad["settings"]
    assert [picture["seam"] for picture in several["pictures"]] == [0.4, 0.5]
    assert bad["before"] == first["before"], "one photo is in it once"
    assert page.kinds == [["NothingFoundError", 1]]
    assert page.summary.startswith("4 rows: 3 done, 1 failed.")


def test_nothing_in_a_report_is_html_but_its_own(looks):
    looks = looks.rename(looks.with_name("a<b>&amp;"))
    write_report(looks)
    page = Page(looks / "report.html")
    assert page.places == []
    assert page.texts["title"].strip() == page.texts["h1"].strip() == "Batch a<b>&amp;"
    text = (looks / "report.html").read_text("utf-8")
    assert HOSTILE[:9] + "<script>d" not in text
    assert text.count("<script") == 3
    assert not re.search(r"https?:", text)
    assert "innerHTML" not in text
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in text


def test_thumbnails_are_bounded_and_made_once(looks, monkeypatch):
    Image.effect_noise((3000, 200), 90).convert("CMYK").save(looks / "first-3.png.jpg", quality=95)
    (looks / "first-3.png.jpg").replace(looks / "first-3.png")  # whatever the name says
    write_report(looks)
    before = (looks / "report.html").read_bytes()
    page = Page(looks / "report.html")
    size, image = page.picture(page.rows["first"]["pictures"][0]["thumbnail"])
    assert (size, image.size) == ("3000x200", (384, 26))
    made = []
    monkeypatch.setattr(thumbs, "_made", lambda path, size: made.append(path.name) or (1, 1, b"x"))
    write_report(looks)
    assert made == []
    assert (looks / "report.html").read_bytes() == before
    (looks / "several-4-1.png").write_bytes((looks / "second-9.png").read_bytes())
    write_report(looks)
    assert made == ["several-4-1.png"]
    monkeypatch.setattr(thumbs, "SIZES", ((1, 384),))
    write_report(looks)
    assert len(made) == 1 + 6


def test_elements_of_thumbnails(looks, monkeypatch):
    for per in (1, 2, 3, 6, 7):
        monkeypatch.setattr(thumbs, "PER", per)
        write_report(looks)
        text = (looks / "report.html").read_text("utf-8")
        elements = re.findall(r'<script class="thumbnails" type="text/plain">\n(.*?)</script>', text, re.DOTALL)
        assert [element.count("\n") for element in elements] == [per] * (6 // per) + [6 % per] * (6 % per > 0)


def test_what_is_gone_or_damaged_is_no_picture(looks, photo):
    photo.unlink()
    (looks / "first-3.png").write_bytes(b"no picture")
    (looks / "second-9.png").unlink()
    (looks / "report.html").write_text("no report\nffffffffffffffffffffffff 1x1 <b>\n")
    lines = [json.loads(line) for line in (looks / JOURNAL).read_text().splitlines()]
    lines[3] |= {"pictures": [7, {"file": 1}, {"file": "a\0b"}, {"file": "several-4-1.png", "seam": float("nan")}]}
    lines[3] |= {"notes": 5, "request": [], "inputs": None, "seconds": "x", "row": None}
    (looks / JOURNAL).write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"id": "cut')
    write_report(looks)
    page = Page(looks / "report.html")
    for name in ("first", "second"):
        assert [page.rows[name]["before"], page.rows[name]["pictures"][0]["thumbnail"]] == [None, None]
        assert page.rows[name]["pictures"][0]["link"] is None
    (picture,) = page.rows["several"]["pictures"]
    assert (picture["seam"], page.picture(picture["thumbnail"])[0]) == (None, "64x96")
    assert "<b>" not in "".join(page.lines)


def test_a_report_of_another_place_leads_to_the_pictures(looks, tmp_path):
    (looks / "first-3.png").rename(looks / "javascript:a#b.png")
    text = (looks / JOURNAL).read_text().replace("first-3.png", "javascript:a#b.png")
    (looks / JOURNAL).write_text(text)
    heard = []
    written = write_report(looks, tmp_path / "more" / "r.html", lambda done, total: heard.append((done, total)))
    assert Page(written.path).rows["first"]["pictures"][0]["link"] == "../looks/javascript%3Aa%23b.png"
    assert Page(write_report(looks).path).rows["first"]["pictures"][0]["link"] == "javascript%3Aa%23b.png"
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_what_is_no_report(looks, tmp_path):
    with pytest.raises(SettingsError, match="expected one that ends in"):
        write_report(looks, tmp_path / "plan.csv")
    with pytest.raises(JournalError, match=r"there is no results\.jsonl"):
        write_report(tmp_path)
    with pytest.raises(JournalError, match="can't be written"):
        write_report(looks, looks / JOURNAL / "x.html")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / JOURNAL).touch()
    assert write_report(tmp_path / "empty").rows == 0
    assert Page(tmp_path / "empty" / "report.html").summary == "0 rows: 0 done, 0 failed."


def command(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def test_commands(chain, written, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plan = written({"id": "a", "prompt": "a coat"}, {"id": "b", "prompt": "a hat"})
    assert command("batch", "run", str(plan), "--chain", str(chain), "--out", "looks", "--limit", "1", "-q") == 0
    size = (tmp_path / "looks" / "report.html").stat().st_size
    assert f"looks/report.html: 1 row; {size / 1000:.0f} kB" in capsys.readouterr().out
    assert len(Page(tmp_path / "looks" / "report.html").rows) == 1
    assert command("batch", "report", "looks", "-o", "there.html") == 0
    assert capsys.readouterr().out.startswith("there.html: 1 row; ")
    assert command("batch", "report", ".") == 2
    assert "igo: there is no results.jsonl" in capsys.readouterr().err
    (tmp_path / "looks" / "report.html").unlink()
    (tmp_path / "looks" / "report.html").mkdir()
    assert command("batch", "run", str(plan), "--chain", str(chain), "--out", "looks", "-q") == 0
    assert "igo: there is no report: " in capsys.readouterr().err
    assert len(read_journal("looks")) == 2


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as started:
        quietly = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        running = started.chromium.launch(executable_path=CHROMIUM, args=quietly)
        yield running
        running.close()


def titles(page):
    return page.locator("article h2 span").all_text_contents()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on the path")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_report_is_used(browser, looks, width, scheme):
    """By mouse and keyboard, on a desktop and a phone: nothing runs over, fails, or asks anybody for anything."""
    write_report(looks)
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page, heard = context.new_page(), []
        for event in ("console", "pageerror", "dialog"):
            page.on(event, lambda said: heard.append(str(said)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or heard.append(request.url))
        page.goto((looks / "report.html").as_uri())
        assert titles(page) == ["second", "several", "first", "bad & b"], "worst seams first"
        assert page.title() == "Batch looks"
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.get_by_text(f"a coat {HOSTILE}").count() == 1
        assert page.locator(".choices button[aria-pressed=true]").text_content() == "2", "the worse of two"
        pictures = page.evaluate("[...document.images].map((image) => image.decode().then(() => image.naturalWidth))")
        assert len(pictures) == 6
        slider = page.get_by_label("first: before on the left")
        slider.focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        cut = slider.locator("xpath=..").evaluate("(stage) => stage.style.getPropertyValue('--cut')")
        assert cut == "60%"
        page.locator("article").first.locator("summary").focus()
        page.keyboard.press("Enter")
        assert page.get_by_text("second-9.png").is_visible()
        page.get_by_role("button", name="1 × NothingFoundError").press("Enter")
        assert titles(page) == ["bad & b"]
        assert page.locator(".error").text_content().endswith(f"no {HOSTILE}")
        page.select_option("#show", "all")
        page.select_option("#order", "as planned")
        assert titles(page) == ["first", "second", "bad & b", "several"]
        page.fill("#find", "COATS")
        page.get_by_text("1 row", exact=True).wait_for()
        assert titles(page) == ["several"]
        assert heard == []


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on the path")
def test_a_long_report_is_shown_as_it_is_read(browser, looks):
    (line, *_) = (looks / JOURNAL).read_text().splitlines()
    found = json.loads(line)
    many = [found | {"id": f"row-{number}", "row": number} for number in range(1, 1001)]
    (looks / JOURNAL).write_text("".join(json.dumps(one) + "\n" for one in many))
    write_report(looks)
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        page.goto((looks / "report.html").as_uri())
        assert page.locator("article").count() <= 96
        page.get_by_role("button", name="Show more").press("Enter")
        page.wait_for_function("document.querySelectorAll('article').length >= 96")
        page.fill("#find", "row-999")
        page.get_by_text("1 row", exact=True).wait_for()
        assert titles(page) == ["row-999"]
