"""Apply the theme in _theme/: its templates, and the files that pages load."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError, ExtensionError
from sphinx.transforms import SphinxTransform

from bookbuild import content_policy, frameworks, settings

from .executed_outputs import page_data
from .service_worker import digest

THEME = Path(__file__).resolve().parent.parent / "_theme"
IMAGE = re.compile(r'_images/([^"]+)"')  # in a page, as an address
COMMENTS = {
    ".css": re.compile(rb"^ */\*(?:(?!\*/).)*\*/\n", re.DOTALL | re.MULTILINE),
    ".js": re.compile(rb"^ *//.*\n", re.MULTILINE),
}
# Files of _static that mathml.py, previews.py, and search_index.py write.
GENERATED = {
    "fonts/math.woff2", "fonts/root.woff2", "notes.js", "previews.js",
    "search-index.js",
}  # fmt: skip


def static_files() -> dict[str, bytes]:
    """Return the contents of the theme's static files by their names.

    theme.toml lists them, and says which files each one is joined from. Comments in
    styles and scripts are left out.
    """
    settings = tomllib.loads(
        (THEME / "templates/theme.toml").read_text("utf-8")
    )
    files = {}
    for name, parts in settings["files"].items():
        files[name] = b"".join((THEME / part).read_bytes() for part in parts)
        if comment := COMMENTS.get(Path(name).suffix):
            files[name] = comment.sub(b"", files[name])
    return files


def configure(app: Sphinx, config: Config) -> None:
    """Set the theme, and derive the site's address from the repository."""
    repository = settings.repository(Path(app.srcdir))
    if repository.is_public:
        app.tags.add("public")  # for {only}
    config.html_theme = "book"
    config.html_baseurl = _with_slash(config.html_baseurl) or repository.public_site
    config.html_theme_options.update(
        repository_url=repository.url if repository.is_public else "",
        repository_branch=repository.branch,
    )
    config.project = config.html_title
    config.html_additional_pages = {"404": "404.html", "search": "search.html"}
    config.html_copy_source = False
    version, date = settings.release(Path(app.srcdir))
    # Sphinx writes all pages again if any of these has changed.
    config.html_context.update(
        author=config.author,
        book_version=version,
        book_date=date,
        is_public=repository.is_public,
        site=config.html_baseurl,
        site_path=urlsplit(config.html_baseurl).path or "/",
        policy=content_policy.header(),
        assets={name: digest(file) for name, file in static_files().items()},
    )


def _with_slash(address: str) -> str:
    """Return the site's own address as a folder's. Raises ConfigError for others."""
    if address and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", address):
        raise ConfigError(
            f"_config.yml: `baseurl: {address}` is not the address of a site; write it "
            "like https://example.org/book/, or leave it out if the site is on GitHub "
            "Pages"
        )
    return address and address.rstrip("/") + "/"


def add_context(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree
) -> None:
    """Pass the page's frameworks and other data to the templates.

    A page without code gets the default frameworks.
    """
    declared = frameworks.load(Path(app.srcdir))
    names = page_data(app.env, pagename)["labels"] or [
        name for name, framework in declared.items() if framework.default
    ]
    context["frameworks"] = [declared[name] for name in names]
    context["initial"] = frameworks.initial(context["frameworks"])
    # In the order in which readers see them until they choose one.
    in_order = sorted(declared.values(), key=lambda framework: not framework.initial)
    context["all_frameworks"] = [framework.name for framework in in_order]
    body = context.get("body", "")
    context["has_math"] = "<math" in body
    context["has_choice"] = "data-framework=" in body


class RefuseWhatThePolicyForbids(SphinxTransform):
    """Raise an error for HTML and pictures that browsers would block on the page.

    The outputs of cells are checked when they are computed (output_checks.py).
    """

    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        page = self.env.doc2path(self.env.docname, base=False)
        faults = [
            f"{page}:{node.line}: browsers would block {found}, because the "
            "site's content-security policy (bookbuild/content_policy.py) forbids "
            "it. Link to it instead, or, if it is a picture, copy it into the book."
            for node in self.document.findall(nodes.Element)
            if (found := _forbidden_in(node))
        ]
        if faults:
            raise ExtensionError("\n".join(faults))


def _forbidden_in(node: nodes.Element) -> str | None:
    if isinstance(node, nodes.image):
        return content_policy.forbidden("img", [("src", node["uri"])])
    is_html = isinstance(node, nodes.raw) and "html" in node["format"].split()
    if is_html and not _is_output(node):
        return content_policy.forbidden_in(node.astext())
    return None


def _is_output(node: nodes.Node) -> bool:
    while node := node.parent:
        if node.get("nb_element") == "cell_code":
            return True
    return False


def write_static_files(app: Sphinx, exception: Exception | None) -> None:
    """Write the theme's files, and remove files that no page uses, such as those
    of extensions, and figures from earlier builds.
    """
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    files = static_files()
    for name, content in files.items():
        path = site / "_static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    pages = [page.read_text("utf-8") for page in site.rglob("*.html")]
    images = {unquote(name) for page in pages for name in IMAGE.findall(page)}
    for folder, used in (
        ("_static", files.keys() | GENERATED),
        ("_images", images),
    ):
        for path in (site / folder).rglob("*"):
            name = path.relative_to(site / folder).as_posix()
            if path.is_file() and name not in used:
                path.unlink()


def setup(app: Sphinx) -> dict:
    # Jupyter Book sets it for an extension that this book does not use.
    app.add_config_value("comments_config", {}, "html")
    app.add_html_theme("book", str(THEME / "templates"))
    app.connect("config-inited", configure)
    app.add_transform(RefuseWhatThePolicyForbids)
    app.connect("html-page-context", add_context, priority=800)
    app.connect("build-finished", write_static_files, priority=800)
    return {"version": "1", "parallel_read_safe": True}
