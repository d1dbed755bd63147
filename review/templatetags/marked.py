"""The words that somebody looked for, marked in a text."""

from __future__ import annotations

from django import template
from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString

from alignment.search import Query, fold

register = template.Library()
LONGEST = 500


@register.filter
def marked(text: str, asked: Query | None) -> SafeString | str:
    """A text, escaped, with what was asked for in <mark>."""
    text = text[:LONGEST]
    words = [word for word in (*asked.words, asked.begun) if word] if asked else []
    folded, places = "", []
    for place, character in enumerate(text):
        said = fold(character)
        folded += said
        places += [place] * len(said)
    held = [False] * len(text)
    for word in words:
        start = folded.find(word)
        while start >= 0:
            for place in places[start : start + len(word)]:
                held[place] = True
            start = folded.find(word, start + 1)
    if not any(held):
        return conditional_escape(text)
    runs: list[tuple[bool, str]] = []
    for character, mark in zip(text, held, strict=True):
        if runs and runs[-1][0] == mark:
            runs[-1] = (mark, runs[-1][1] + character)
        else:
            runs.append((mark, character))
    return format_html_join("", "{}{}{}", ((_open(mark), run, _close(mark)) for mark, run in runs))


def _open(mark: bool) -> SafeString:
    return SafeString("<mark>" if mark else "")


def _close(mark: bool) -> SafeString:
    return SafeString("</mark>" if mark else "")
