"""What holds of every page: few queries, small assets, nothing inline, one title and one heading, nothing left in English for zh-Hans."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.review import walk
from tests.steps import MOST_QUERIES, most_queries, opened

pytestmark = pytest.mark.django_db
LARGEST_ASSETS = 150_000
# Lists as somebody narrows them for the first time, which is remembered.
NARROWED = {
    "catalogue": "q=推车&source=华联商店&language=zh&category=母婴&sort=added",
    "groups": "source=华联商店&language=zh&category=母婴&sort=size",
    "audit": "q=推车&what=accept&from=2020-01-01&sort=when",
    "my-work": "words=推车&verdict=accept&sort=newest",
    "bulk": "source=华联商店&category=母婴&score_from=0.7&gtin=other&sort=pair",
    "runs": "status=done&sort=newest",
    "people": "q=l&role=reviewer&sort=-name",
    "escalated-pairs": "why=adjudication&category=母婴&languages=de|zh&sort=since",
    "policies": "q=母&policy=own&sort=-category",
    "imports": "q=a&source=华联商店&status=done&who=system&from=2020-01-01&sort=newest",
    "candidates": "source=华联商店&status=done&sort=newest",
    "evaluations": "q=a&status=done&sort=newest",
    "group-exports": "format=csv&status=done&sort=newest",
    "conflicts": "by=person&category=母婴&source=华联商店&sort=pair",
    "holds": "who=l&category=母婴&sort=until",
    "tokens": "q=a&account=w&scope=read&state=good&sort=newest",
}
# Words that are the same in Chinese: formats, units, names of things.
KEPT = {
    "API", "Alignment", "BM25", "CPU", "CSV", "Chart", "EAN", "ERP", "English", "Enter", "Esc", "GB", "GPU", "GTIN", "HTTPS", "ID",
    "JSON", "JSONL", "Lines", "MB", "NDJSON", "REST", "Redis", "SKU", "SKUs", "Shopify", "Tab", "UPC", "URL", "UTF", "Wilson", "XLSX",
    "candidates", "cpu", "cuda", "curl", "float32", "kg", "label", "left_text", "ms", "pairs", "query", "qwen3", "right_text", "text",
    "title", "token",
}  # fmt: skip
# Names in the walk's world that are nobody's language.
DATA = {"wang", "lin", "gpu", "test"}
FILE = re.compile(r"\S+\.(csv|jsonl)")
UNTRANSLATED = re.compile(r"[A-Za-z][A-Za-z_0-9]{2,}")


class Text(HTMLParser):
    """The texts of a page in its own language: text nodes and what is read aloud, without code, data and texts of other languages."""

    SKIPPED = {"script", "style", "code", "pre", "kbd", "data", "title", "textarea", "option"}
    EMPTY = {"meta", "link", "input", "br", "img", "hr"}

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[tuple[str, bool]] = []
        self.texts: list[str] = []

    @property
    def skipping(self) -> bool:
        return any(skipped for _tag, skipped in self.stack)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        other = "lang" in known and tag != "html" or known.get("translate") == "no"
        if tag not in self.EMPTY:
            self.stack.append((tag, other or tag in self.SKIPPED))
        if not self.skipping and not other:
            self.texts += [known[name] or "" for name in ("title", "aria-label", "placeholder") if name in known and tag != "time"]

    def handle_endtag(self, tag: str) -> None:
        while tag not in self.EMPTY and self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.skipping and data.strip():
            self.texts.append(data.strip())


class Read(Text):
    """A page's own texts as they are read: what stands in one block is one text, with its white space as a browser draws it."""

    # Not links and buttons: a space keeps what can be pressed apart from what was said.
    INLINE = {"abbr", "b", "em", "i", "kbd", "small", "span", "strong", "time"}

    def __init__(self) -> None:
        super().__init__()
        self.runs = [""]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attributes)
        self.runs += [""] if tag not in self.INLINE else []

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        self.runs += [""] if tag not in self.INLINE else []

    def handle_data(self, data: str) -> None:
        self.runs[-1] += "…" if self.skipping and data.strip() else data

    @property
    def read(self) -> list[str]:
        return [text for run in self.runs if (text := " ".join(run.split()))]


@pytest.fixture
def pages(client):
    """Every page as an admin sees it, by name."""
    world = walk.world()
    client.force_login(world.admin)

    def get(language: str = "en") -> dict[str, str]:
        found = {}
        for name, path in walk.PAGES.items():
            answer = opened(client, path(world), headers={"accept-language": language})
            assert answer.status_code == 200, f"{name}: {answer.status_code}"
            found[name] = answer.content.decode()
        outside = Client()
        for name, path in walk.OUTSIDE.items():
            found[name] = outside.get(path(world), headers={"accept-language": language}).content.decode()
        found["404"] = client.get(walk.NOT_FOUND, headers={"accept-language": language}).content.decode()
        return found

    get.client, get.world = client, world
    return get


def test_every_url_is_a_page_of_the_walk_or_none():
    assert walk.unnamed() == set()


def test_every_page_is_titled_headed_and_holds_nothing_inline(pages):
    for name, html in pages().items():
        title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
        assert title and title[1].removesuffix(" · SKU Alignment").strip(), name
        assert len(re.findall(r"<h1[ >]", html)) == 1, name
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html), name


def test_every_page_asks_few_queries(pages):
    many = {}
    for name, path in walk.PAGES.items():
        if (queries := most_queries(pages.client, path(pages.world))) > MOST_QUERIES:
            many[name] = queries
    assert not many


def test_every_list_asks_few_queries_however_it_is_narrowed(pages):
    many = {}
    for name, query in NARROWED.items():
        with CaptureQueriesContext(connection) as asked:
            assert pages.client.get(f"{reverse(name)}?{query}").status_code == 200
        if len(asked) > MOST_QUERIES:
            many[name] = len(asked)
    assert not many


def test_no_page_has_many_assets(pages):
    for name, html in pages().items():
        files = re.findall(r'(?:src|href)="/static/([^"]+)"', html)
        sizes = {file: Path(str(finders.find(file))).stat().st_size for file in files if not file.startswith("review/vendor/")}
        assert sum(sizes.values()) < LARGEST_ASSETS, (name, sizes)


def test_nothing_is_left_in_english_for_chinese_readers(pages):
    left: dict[str, set[str]] = {}
    for name, html in pages("zh-hans").items():
        text = Text()
        text.feed(html)
        found = {said for said in text.texts if {*UNTRANSLATED.findall(FILE.sub("", said))} - KEPT - DATA}
        if found:
            left[name] = found
    assert not left, "\n".join(f"{name}: {said}" for name, found in left.items() for said in sorted(found))


def test_in_chinese_nothing_stands_between_two_sentences(pages):
    apart: dict[str, set[str]] = {}
    for name, html in pages("zh-hans").items():
        page = Read()
        page.feed(html)
        if found := {text for text in page.read if re.search(r"[。！？；] ", text)}:
            apart[name] = found
    assert not apart, "\n".join(f"{name}: {said}" for name, found in apart.items() for said in sorted(found))


def test_two_translated_sentences_are_joined_by_a_gap_and_not_by_white_space():
    """Also on what the walk does not come to: errors, notices, what is said of a long job."""
    joined = re.compile(r"""\.(?:["'] %\}|\{% endblocktranslate %\})(?:\{% end\w+ %\})*\s+(?:\{% if [^%]*%\})*\{% (?:block)?translate\b""")
    templates = Path(__file__).parents[2] / "templates"
    assert {str(path): found for path in templates.rglob("*.html") if (found := joined.findall(path.read_text()))} == {}
