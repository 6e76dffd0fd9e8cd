"""How long people wait for the page itself: until it can be used, and from a click to the picture.

    python -m benchmarks.page [--times 7]

Needs Chromium and playwright. The page runs in a process of its own, by a base that paints without torch, so that what
is measured is the page: Chromium with nothing cached, and clicks until the new picture is decoded, less what the chain
takes by itself.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which
from statistics import median
from time import perf_counter

import igo
from igo.testing import PaintedBase

SIZE = 512, 768
FIRST_PAINT, CLICK = 1.5, 0.3
"""Seconds that it may take."""
PAINTED = """() => performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"""
CLICKED = """seed => new Promise(resolve => {
  const began = performance.now();
  document.querySelector('#look-paint').click();
  const look = () => {
    const picture = document.querySelector('#result .preview img, #result img');
    if (!picture || !picture.src.includes(`igo-${seed}.png`)) return requestAnimationFrame(look);
    picture.decode().then(() => resolve((performance.now() - began) / 1000));
  };
  look();
})"""


def serve():
    """The page until standard input ends; prints its address."""
    from igo.page import app
    from igo.page.studio import Studio

    with tempfile.TemporaryDirectory() as folder:
        print(app.launch(app.build(Studio((PaintedBase(*SIZE),)), Path(folder)), wait=False), flush=True)
        sys.stdin.read()


def opened(browser, address):
    """A page that nobody has opened before; seconds to its first paint, and until it can be used."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    began = perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector("#dress-paint")
    return page, page.evaluate(PAINTED), perf_counter() - began


def clicked(page, seed):
    """Seconds from a click to the picture of a seed."""
    page.get_by_label("Seed").locator("visible=true").fill(str(seed))
    return page.evaluate(CLICKED, seed)


def chain_alone(seed):
    chain, began = igo.Chain(PaintedBase(*SIZE)), perf_counter()
    chain.run("a coat", seed=seed)
    return perf_counter() - began


def measured(address, times):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        opened(browser, address)[0].context.close()  # the server's first answer
        first, usable = [], []
        for _ in range(times):
            page, painted, ready = opened(browser, address)
            first.append(painted)
            usable.append(ready)
            page.context.close()
        page = opened(browser, address)[0]
        page.get_by_role("tab", name="Look").click()
        page.get_by_text("More settings").locator("visible=true").click()
        clicks = [clicked(page, seed) for seed in range(1, times + 2)][1:]
        browser.close()
    return first, usable, clicks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=7, help="how often each is measured")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    command = [sys.executable, "-m", "benchmarks.page", "--serve"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        first, usable, clicks = measured(server.stdout.readline().strip(), options.times)
    finally:
        server.stdin.close()
        server.wait(30)
    alone = median(chain_alone(seed) for seed in range(1, options.times + 2))
    print(f"first paint: {median(first):.2f} s (at most {FIRST_PAINT}), worst {max(first):.2f} s")
    print(f"until it can be used: {median(usable):.2f} s, worst {max(usable):.2f} s")
    beyond = [click - alone for click in clicks]
    print(f"click to picture: {median(beyond):.2f} s (at most {CLICK}) beyond the chain's {alone:.2f} s,", end=" ")
    print(f"worst {max(beyond):.2f} s")


if __name__ == "__main__":
    main()
