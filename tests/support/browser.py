"""Start headless Chromium for the tests, and operate its pages."""

from __future__ import annotations

import json
import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE, DESKTOP = 390, 1280  # CSS pixels
# For each window, Chromium loads two pages into its address bar, and starts a renderer
# for the next page. This is more than half of the work of opening a page.
UNSEEN = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess",
)  # fmt: skip
# Chromium uses only the last list, so this repeats what Playwright turns off.
OFF = (
    *UNSEEN,
    "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay",
    "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints",
    "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning",
)  # fmt: skip
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(OFF)}",
)


def size(width: int) -> dict:
    """Return the option of a browser context that sets its window's width."""
    return {"viewport": {"width": width, "height": 800}}


def unfold(page) -> None:
    """Open everything on a page that is folded, except its menu."""
    page.evaluate(
        "document.querySelectorAll('details:not(.menu)')"
        ".forEach((fold) => { fold.open = true; })"
    )


def choose(page, framework: str) -> None:
    """Choose a framework in the header of a page that offers several."""
    choice = page.locator(".choose-framework")
    if choice.count():
        choice.select_option(framework)


def has_tabs(page) -> bool:
    return page.locator("[role=tablist]").count() > 0


def until(page, condition: str) -> None:
    """Wait until a JavaScript expression is true, for at most ten seconds.

    Playwright's own function needs eval, which the pages forbid.
    """
    message = json.dumps(f"not true in ten seconds: {condition}")
    page.evaluate(
        f"""new Promise((done, fail) => {{
            const start = performance.now();
            const look = () => {{
                if ({condition}) done();
                else if (performance.now() - start < 10_000) {{
                    requestAnimationFrame(look);
                }} else fail(new Error({message}));
            }};
            look();
        }})"""
    )
