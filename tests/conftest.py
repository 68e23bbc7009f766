"""Tiny books for the tests of the pipeline.

Their two frameworks, Alpha and Beta, are the plain Python of the book's own
environment, so a tiny book executes and renders in seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from served import served

ROOT = Path(__file__).resolve().parent.parent

DECLARATION = """
[alpha]
label = "Alpha"
kernel = "python3"
lock = "kernels/alpha.txt"
platforms = {platforms}
colab = "GPU"

[beta]
label = "Beta"
kernel = "python3"
lock = "kernels/beta.txt"
platforms = {platforms}
colab = "CPU"
"""

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

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


@pytest.fixture(scope="module")
def browser():
    """Chromium, one a file of tests."""
    if not CHROMIUM:
        message = (
            "There is no Chromium to read the site with: install it "
            "(Debian: apt install chromium)"
        )
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                f"--disable-features={','.join(OFF)}",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The address of the built site on loopback, at the path it will have."""
    from _ext import labels

    path = urlsplit(labels.read(ROOT).site).path.strip("/")
    folder = tmp_path_factory.mktemp("host")
    shutil.copytree(
        ROOT / "_build" / "html", folder / path, dirs_exist_ok=True
    )
    with served(folder) as url:
        yield f"{url}{path}/" if path else url


@pytest.fixture
def visit(browser, site):
    """Open a page of the site as a visitor who has never been there.

    Options are those of a browser's context. Nothing is kept for reading
    offline, so that each test sees the files as they are.
    """
    contexts = []

    def visit(address: str, **options):
        defaults = {"service_workers": "block"}
        contexts.append(browser.new_context(**{**defaults, **options}))
        page = contexts[-1].new_page()
        page.goto(site + address)
        return page

    yield visit
    for context in contexts:
        context.close()


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


class TinyBook:
    """A book of one page, `chapters/tiny/page.md`, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.page = root / "chapters" / "tiny" / "page.md"
        self.page.parent.mkdir(parents=True)
        (root / "chapters" / "references.bib").touch()
        (root / "kernels").mkdir()
        for name in ("alpha", "beta"):
            (root / "kernels" / f"{name}.txt").write_text(f"{name}==1\n")
        self.platforms(here())
        config = yaml.safe_load((ROOT / "_config.yml").read_text())
        config["execute"]["timeout"] = 20
        (root / "_config.yml").write_text(yaml.safe_dump(config))
        (root / "_toc.yml").write_text(
            "format: jb-book\nroot: chapters/tiny/page\n"
        )
        shutil.copytree(ROOT / "_static", root / "_static")

    def platforms(self, *names: str) -> None:
        """Declare where both frameworks have wheels."""
        text = DECLARATION.format(platforms=list(names))
        path = self.root / "kernels" / "frameworks.toml"
        path.write_text(text.replace("'", '"'))

    def write(self, text: str) -> None:
        """Write the page: a title, then `text`."""
        body = textwrap.dedent(text).strip()
        self.page.write_text(f"{HEADER}\n# Tiny\n\n{body}\n")

    def build(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "_ext.build", *arguments]
            + ["--root", str(self.root)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def html(self) -> str:
        """The HTML of the page, after a build that must succeed."""
        done = self.build("book")
        assert done.returncode == 0, done.stdout + done.stderr
        return self.site.read_text()

    @property
    def site(self) -> Path:
        return self.root / "_build" / "html" / "chapters" / "tiny" / "page.html"

    def committed(self, framework: str) -> Path:
        return self.root / "notebooks" / framework / "tiny" / "page.ipynb"


def here() -> str:
    from _ext.frameworks import platform_tag

    return platform_tag()


@pytest.fixture
def tiny(tmp_path: Path) -> TinyBook:
    return TinyBook(tmp_path / "book")


@pytest.fixture(scope="module")
def tiny_of_module(tmp_path_factory: pytest.TempPathFactory) -> TinyBook:
    """A tiny book that the tests of one file build once and read."""
    return TinyBook(tmp_path_factory.mktemp("tiny") / "book")


def cell(code: str, *tags: str, **metadata: object) -> str:
    """A code cell of a source page."""
    options = {**({"tags": list(tags)} if tags else {}), **metadata}
    head = f"---\n{yaml.safe_dump(options)}---\n" if options else ""
    return f"```{{code-cell}} ipython3\n{head}{code}\n```\n"



@pytest.fixture(autouse=True)
def leave_no_page_open(request: pytest.FixtureRequest):
    """Close what a test opened in a browser: hundreds of pages weigh."""
    if "browser" not in request.fixturenames:
        yield
        return
    browser = request.getfixturevalue("browser")
    before = list(browser.contexts)
    yield
    for context in browser.contexts:
        if context not in before:
            context.close()
