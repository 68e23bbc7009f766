"""Take screenshots of every page, for people to look at (`make screenshots`).

    python -m support.screenshots [FOLDER]

Each page is shown on a phone and on a desktop, in light and dark colors, with
everything unfolded. Since pages are long, each is cut into columns on sheets.
The sheets go to _build/screenshots unless a FOLDER is named.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from support import ROOT, machine
from support.browser import ARGUMENTS, CHROMIUM
from support.served import served
from support.site_pages import PAGES

SITE = ROOT / "_build" / "html"
WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}
HEIGHT = 2200  # of a column of a sheet
COLUMNS = {"phone": 6, "desktop": 2}
GAP = 12
ALL_OPEN = """async () => {
  for (const fold of document.querySelectorAll("article details")) {
    fold.open = true;
  }
  for (const image of document.querySelectorAll("article img")) {
    image.loading = "eager";
    if (image.checkVisibility()) await image.decode();
  }
  await document.fonts.ready;
}"""


def sheets(picture: Image.Image, columns: int) -> list[Image.Image]:
    """Cut a long picture into columns, a few of them side by side."""
    width, height = picture.size
    parts = [
        picture.crop((0, top, width, min(top + HEIGHT, height)))
        for top in range(0, height, HEIGHT)
    ]
    made = []
    for first in range(0, len(parts), columns):
        some = parts[first : first + columns]
        tall = max(part.height for part in some)
        sheet = Image.new("RGB", (len(some) * (width + GAP), tall), "#888")
        for place, part in enumerate(some):
            sheet.paste(part, (place * (width + GAP), 0))
        made.append(sheet)
    return made


def main(folder: Path) -> None:
    if not CHROMIUM:
        sys.exit(machine.advice(["chromium"]))
    if not (SITE / "index.html").exists():
        sys.exit("There is no site yet. Run make book to build it.")
    folder.mkdir(parents=True, exist_ok=True)
    with served(SITE) as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS
        )
        for device, (width, height) in WIDTHS.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    reduced_motion="reduce",
                    service_workers="block",
                )
                for path in PAGES:
                    page = context.new_page()
                    page.goto(f"{origin}{path}")
                    page.evaluate(ALL_OPEN)
                    shot = page.screenshot(full_page=True)
                    page.close()
                    picture = Image.open(io.BytesIO(shot))
                    stem = f"{Path(path).stem}-{device}-{scheme}"
                    cut = sheets(picture, COLUMNS[device])
                    for number, sheet in enumerate(cut, 1):
                        sheet.save(folder / f"{stem}-{number}.png")
                    print(f"{stem}: {len(cut)}", flush=True)
                context.close()
        browser.close()
    print(f"\nLook at {folder}")


if __name__ == "__main__":
    named = sys.argv[1:]
    main(Path(named[0]) if named else ROOT / "_build" / "screenshots")
