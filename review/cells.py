"""What cells of lists show besides texts and numbers: how far a run is, a link beside others, a button."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from alignment import told
from alignment.models import Run

MOST_OF_AN_ERROR = 160


def state(run: Run, *, done: int = 0, of: int | None = None) -> SafeString:
    """A run's state in words; of one under way how far it is, of one that failed why."""
    if run.status == Run.Status.FAILED:
        failed = format_html('<span class="error">{}</span>', run.get_status_display())
        return with_more(failed, Truncator(told.tell(run.error)).chars(MOST_OF_AN_ERROR)) if run.error else failed
    if run.status == Run.Status.RUNNING:
        far = format_html(' max="{}" value="{}"', of, done) if of else ""
        return format_html('<progress{} aria-label="{}"></progress> {}', far, _("Progress"), run.get_status_display())
    return format_html("{}", run.get_status_display())


def exactly(said: object, exact: str) -> SafeString:
    """What is exact on hover."""
    return format_html('<span title="{}">{}</span>', exact, said)


def moment(at: datetime, said: str) -> SafeString:
    """A time in some words, exact on hover."""
    local = timezone.localtime(at)
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), local.strftime("%Y-%m-%d %H:%M:%S %Z"), said)


def button(address: str, label: object, *, said: str = "") -> SafeString:
    """A button of the form that is around the list. `said`: what is read aloud in the label's place."""
    aloud = format_html(' aria-label="{}"', said) if said else ""
    return format_html('<button formaction="{}"{}>{}</button>', address, aloud, label)


def link(address: str, label: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, label)


def with_more(first: Any, more: object) -> SafeString:
    """Something with what is quietly said beside it."""
    return format_html('{} <span class="quiet">{}</span>', first, more)


def in_language(text: str, language: str) -> SafeString:
    return format_html('<span lang="{}">{}</span>', language or "und", text)
