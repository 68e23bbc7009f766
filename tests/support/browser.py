"""Headless Chromium, as the tests start it."""

from __future__ import annotations

import json
import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# With each window Chromium loads two pages into its address bar, and a renderer
# for a page to come: more than half of the work of opening a page.
UNSEEN = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess",
)  # fmt: skip
# Chromium heeds only the last list, so what Playwright switches off is repeated.
OFF = (
    *UNSEEN,
    "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay",
    "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints",
    "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning",
)  # fmt: skip


def until(page, condition: str) -> None:
    """Wait until an expression is true, for at most ten seconds.

    Playwright's own waiting needs eval, which the pages forbid.
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
