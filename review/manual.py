"""The documents in docs/, as pages: Markdown to HTML that the content security policy lets through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

PAGES: dict[str, Promise] = {
    "reviewers": _("For reviewers"),
    "admins": _("For admins"),
    "integrators": _("For integrators"),
    "operators": _("For operators"),
    "evaluation": _("How right is it?"),
    "engine": _("The scoring engine"),
}
FOLDER = Path(settings.BASE_DIR) / "docs"
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Document:
    """`headings`: the second level's, each with the id it has in the page."""

    title: str
    html: SafeString
    headings: list[tuple[str, str]]


def read(page: str) -> Document:
    """Raises KeyError for a page that there is not."""
    if page not in PAGES:
        raise KeyError(page)
    path = FOLDER / f"{page}.md"
    return _rendered(path, path.stat().st_mtime)


@lru_cache(maxsize=2 * len(PAGES))
def _rendered(path: Path, _changed: float) -> Document:
    tokens = MARKDOWN.parse(path.read_text(encoding="utf-8"))
    title, headings = path.stem, []
    for token, following in zip(tokens, tokens[1:] + tokens[-1:], strict=True):
        if token.type == "heading_open":
            at = slugify(following.content, allow_unicode=True)
            token.attrSet("id", at)
            if token.tag == "h1":
                title = following.content
            elif token.tag == "h2":
                headings.append((at, following.content))
        for inner in (token, *(token.children or ())):
            _fit(inner)
    # Safe: raw HTML in the source is escaped by the renderer, and the files are the product's own.
    return Document(title, mark_safe(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})), headings)  # noqa: S308


def _fit(token: Token) -> None:
    """Styles become classes, neighbours' names become addresses of this site."""
    if token.attrs.pop("style", None):
        token.attrSet("class", "number")
    if token.type == "image" and str(token.attrGet("src")).startswith("images/"):
        token.attrSet("src", reverse("help-image", args=[Path(str(token.attrGet("src"))).name]))
    elif token.type == "link_open":
        name, _hash, heading = str(token.attrGet("href")).partition("#")
        if name.endswith(".md") and name[:-3] in PAGES:
            token.attrSet("href", reverse("help", args=[name[:-3]]) + (f"#{heading}" if heading else ""))


def picture(name: str) -> Path | None:
    """A picture of the documents by its name alone."""
    return next((path for path in (FOLDER / "images").glob("*") if path.name == name), None)
