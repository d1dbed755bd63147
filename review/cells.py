"""What cells of lists show besides texts and numbers: how far a run is, a link beside others, a button."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from alignment import told
from alignment.models import Run


def state(run: Run, *, done: int = 0, of: int | None = None) -> SafeString:
    """A run's state in words; of one under way how far it is, of one that failed why."""
    if run.status == Run.Status.FAILED:
        return format_html('<span class="error">{}</span>', told.tell(run.error) if run.error else run.get_status_display())
    if run.status == Run.Status.RUNNING:
        far = format_html(' max="{}" value="{}"', of, done) if of else ""
        return format_html('<progress{} aria-label="{}"></progress> {}', far, _("Progress"), run.get_status_display())
    return format_html("{}", run.get_status_display())


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
