"""Pictures of the page for its documentation: ``python -m tests.page.pictures``, with Chromium and playwright.

The page is the real one on ``mini``; what it shows is a look of the gallery, dressed anew, and a chain.
"""

import subprocess
import sys
from io import BytesIO
from shutil import which

from PIL import Image

from tests.pages import DOCS

SOMEBODY = DOCS / "images" / "look.webp"
PATIENCE = 240_000
"""Milliseconds: models are loaded, and pictures painted."""


def main():
    from playwright.sync_api import sync_playwright

    server = subprocess.Popen(
        [sys.executable, "-m", "igo", "page"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        address = server.stdout.readline().split(" at ")[1].split()[0]
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1200, "height": 860})
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            dressed(page)
            chained(page)
            browser.close()
    finally:
        server.terminate()
        server.wait(60)


def dressed(page):
    """Somebody with the zone that was found, and what became of them."""
    page.wait_for_selector("#dress-paint")
    page.set_input_files("#dress-person input[type=file]", SOMEBODY)
    page.wait_for_selector("#dress-person img")
    page.click("#dress-zone button")
    page.click("#dress-find")
    page.wait_for_selector("#dress-editor canvas")
    page.wait_for_timeout(4000)
    page.click("#dress-paint")
    page.wait_for_selector("#downloads a")
    page.wait_for_selector("#slider img")
    page.wait_for_timeout(1500)
    save(page, "page-dress.webp")


def chained(page):
    """A chain as cards, with what is wrong told at its field."""
    page.get_by_role("tab", name="Chain").click()
    page.click("#chain-use input")
    page.get_by_role("option", name="upscaling").click()
    page.click("#chain-add")
    scale = page.get_by_label("scale", exact=False).first
    scale.fill("99")
    scale.blur()
    page.get_by_text("⚠ scale is 99").wait_for()
    page.wait_for_timeout(500)
    save(page, "page-chain.webp")


def save(page, name):
    shot = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
    shot.save(DOCS / "images" / name, quality=80, method=6)
    print(name, (DOCS / "images" / name).stat().st_size)


if __name__ == "__main__":
    main()
