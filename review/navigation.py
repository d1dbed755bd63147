"""Where each page lies: the areas of the navigation, the pages of each, and who sees them.

A new page is added by its url's name: as an entry of its own, or in another's `under` where it lies beneath that one. An entry whose url
does not exist is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment.models import User


def everyone(user: User) -> bool:
    return True


def admins(user: User) -> bool:
    return user.is_admin


def staff(user: User) -> bool:
    return user.is_admin and user.is_staff


@dataclass(frozen=True)
class Entry:
    """One page that the navigation leads to. `under`: the url names beneath it. `help`: its place in docs/, as page#heading."""

    url: str
    label: Promise
    help: str
    who: Callable[[User], bool] = admins
    under: tuple[str, ...] = ()


@dataclass(frozen=True)
class Area:
    label: Promise
    entries: tuple[Entry, ...]


AREAS = (
    Area(
        _("Review"),
        (
            Entry("case", _("Cases"), "reviewers", everyone, under=("paused",)),
            Entry("my-work", _("My work"), "reviewers#my-work", everyone),
            Entry("queues", _("Queues"), "reviewers#queues", everyone),
            Entry("escalated", _("Escalated"), "admins#escalated", under=("escalated-pairs",)),
            Entry("conflicts", _("Conflicts"), "admins#conflicts"),
            Entry("bulk", _("Bulk"), "admins#bulk", under=("bulk-preview", "bulk-decide", "bulk-act")),
            Entry("team", _("Team"), "admins#team"),
            Entry("holds", _("Holds"), "admins#holds"),
        ),
    ),
    Area(
        _("Catalogue"),
        (
            Entry("catalogue", _("Listings"), "admins#catalogue", everyone, under=("sku", "pair", "search")),
            Entry(
                "categories", _("Categories"), "admins#categories", under=("category", "category-change", "category-add", "category-delete")
            ),
        ),
    ),
    Area(
        _("Groups"),
        (
            Entry("groups", _("Groups"), "admins#groups", everyone, under=("group",)),
            Entry("group-exports", _("Exports"), "admins#exports", under=("group-export",)),
        ),
    ),
    Area(_("Policies"), (Entry("policies", _("Policies"), "admins#policies", under=("policy", "roll-back", "policy-inherit")),)),
    Area(
        _("Runs"),
        (
            Entry("runs", _("All runs"), "admins#runs", under=("run",)),
            Entry("imports", _("Imports"), "admins#imports", under=("import", "import-preview")),
            Entry("candidates", _("Candidates"), "admins#candidates"),
            Entry("scoring", _("Scoring"), "admins#scoring"),
            Entry("evaluations", _("Evaluations"), "evaluation", under=("evaluation",)),
        ),
    ),
    Area(_("Insights"), (Entry("insights", _("Insights"), "admins#insights"),)),
    Area(_("Playground"), (Entry("playground", _("Playground"), "admins#playground", everyone, under=("playground-result",)),)),
    Area(_("Audit"), (Entry("audit", _("Audit"), "admins#audit"),)),
    Area(
        _("Settings"),
        (
            Entry("settings", _("Settings"), "admins#settings", everyone),
            Entry("keys", _("Keys"), "reviewers#keys", everyone),
            Entry("change-password", _("Password"), "reviewers", everyone, under=("password_change_done",)),
            Entry("people", _("People"), "admins#people", under=("member", "invite", "person")),
            Entry("tokens", _("API tokens"), "admins#api-tokens"),
            Entry("admin:index", _("Records"), "admins#records", staff),
            Entry("style", _("Style"), ""),
        ),
    ),
)


@dataclass(frozen=True)
class Link:
    label: Promise
    href: str
    current: bool = False


@dataclass(frozen=True)
class AreaLinks:
    """An area as one person sees it: its own link is its first page."""

    link: Link
    pages: list[Link]


@dataclass(frozen=True)
class Place:
    """What surrounds a page. `crumbs` are the pages above it, empty on a page that the navigation itself names."""

    areas: list[AreaLinks]
    pages: list[Link]
    crumbs: list[Link]
    help: str


def place(request: HttpRequest) -> Place:
    """The navigation as this person sees it from this page."""
    user, here = request.user, request.resolver_match.view_name if request.resolver_match else ""
    if not isinstance(user, User):
        return Place([], [], [], "")
    areas: list[AreaLinks] = []
    pages: list[Link] = []
    crumbs: list[Link] = []
    help_at = "admins" if user.is_admin else "reviewers"
    for area in AREAS:
        entries = [(entry, href) for entry in area.entries if entry.who(user) and (href := address(entry.url))]
        if not entries:
            continue
        current = next((entry for entry, _href in entries if here == entry.url or here in entry.under), None)
        links = [Link(entry.label, href, entry is current) for entry, href in entries]
        areas.append(AreaLinks(Link(area.label, entries[0][1], current is not None), links))
        if current is not None:
            pages, help_at = links, current.help
            if here != current.url:
                # An area's own link is its first page: it is not said twice.
                above = [link for link in links if link.current]
                crumbs = above if above[0].href == areas[-1].link.href else [areas[-1].link, *above]
    return Place(areas, pages if len(pages) > 1 else [], crumbs, _help(help_at))


def address(name: str) -> str:
    """Where a page is; empty where there is none of that name."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _help(at: str) -> str:
    page, _hash, heading = at.partition("#")
    try:
        return reverse("help", args=[page]) + (f"#{heading}" if heading else "")
    except NoReverseMatch:
        return ""
