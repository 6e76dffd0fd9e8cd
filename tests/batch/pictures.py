"""The picture of a report in the documentation: ``python -m tests.batch.pictures``, with Chromium and playwright.

A lookbook on a look of the gallery, by `mini`; one of its garments isn't to be found.
"""

import tempfile
from io import BytesIO
from pathlib import Path
from shutil import which

from PIL import Image

import igo
import igo.batch
from igo_plugins import VirtualStyling
from tests.pages import DOCS

SOMEBODY = DOCS / "images" / "look.webp"
GARMENTS = {"hoodie": "a red hoodie", "coat": "a navy coat"}
PICTURE = DOCS / "images" / "report.png"


def main():
    from playwright.sync_api import sync_playwright

    rows = [{"id": name, "image": SOMEBODY, "virtual-styling.to": to, "seed": 7} for name, to in GARMENTS.items()]
    rows.append({"id": "lost", "image": SOMEBODY, "virtual-styling.target": "skirt", "seed": 7})
    chain = igo.Chain(igo.TextToImage("mini"), VirtualStyling("t-shirt", to="a striped t-shirt"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        igo.batch.run([{**row, "strength": 0} for row in rows], chain, Path(folder, "lookbook"))
        report = igo.batch.write_report(Path(folder, "lookbook"))
        browser = started.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 930, "height": 600})
        page.goto(report.path.as_uri())
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        page.get_by_label("coat: before on the left").fill("35")
        shot = page.screenshot(full_page=True)
        browser.close()
    few = Image.open(BytesIO(shot)).convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(PICTURE, optimize=True)
    print(PICTURE.name, PICTURE.stat().st_size)


if __name__ == "__main__":
    main()
