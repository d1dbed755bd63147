"""What differs between two versions of a policy, in words a person reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alignment.models import PolicyVersion
from alignment.policies import changed, values_of
from review.templatetags.numbers import in_percent

# Latin words and numbers whole, every other character by itself, so that Chinese is compared by characters.
WORD = re.compile(r"[A-Za-zÀ-ÿ0-9']+|\s+|.", re.S)
NAMES: dict[str, Promise] = {
    "instruction": gettext_lazy("Instruction"),
    "accept_at": gettext_lazy("Accept at and over"),
    "review_at": gettext_lazy("Review at and over"),
    "guards": gettext_lazy("Guards"),
    "blind": gettext_lazy("Hide scores until the verdict"),
    "reasons": gettext_lazy("Reason of a reject"),
    "order": gettext_lazy("Order"),
    "priority": gettext_lazy("Priority"),
    "due_hours": gettext_lazy("Due within, in hours"),
    "second_share": gettext_lazy("Second opinion, % of cases"),
    "second_unsure": gettext_lazy("A second opinion after every “unsure”"),
    "check_share": gettext_lazy("Hidden checks, % of cases"),
}
CHOICES = {"reasons": PolicyVersion.Reasons, "order": PolicyVersion.Order, "priority": PolicyVersion.Priority}


@dataclass(frozen=True)
class Part:
    """Words that both texts have, or that one of them has: "same", "gone" or "new"."""

    kind: str
    text: str


@dataclass(frozen=True)
class Difference:
    """One field: what it was and is. An instruction has `parts` in their place."""

    name: Promise
    was: str = ""
    now: str = ""
    parts: tuple[Part, ...] = ()


def between(old: PolicyVersion, new: PolicyVersion) -> list[Difference]:
    """The fields that differ, in the form's order."""
    return [difference(field, was, now) for field, (was, now) in changed(values_of(old), values_of(new)).items()]


def difference(field: str, was: Any, now: Any) -> Difference:
    if field == "instruction":
        return Difference(NAMES[field], parts=tuple(words(was, now)))
    return Difference(NAMES[field], said(field, was), said(field, now))


def words(old: str, new: str) -> Iterator[Part]:
    """Both texts as one, word by word: joined, the same and the gone parts are the old one, the same and the new ones the new."""
    before, after = WORD.findall(old), WORD.findall(new)
    gone = came = ""
    for kind, i, j, k, m in [*SequenceMatcher(None, before, after, autojunk=False).get_opcodes(), ("end", 0, 0, 0, 0)]:
        lost, found = "".join(before[i:j]), "".join(after[k:m])
        # A space that stays between two changed words is part of the change: else they run into each other.
        if kind not in ("equal", "end") or (kind == "equal" and not lost.strip() and gone + came):
            gone, came = gone + lost, came + found
            continue
        if gone == came:
            lost, gone, came = gone + lost, "", ""
        if gone:
            yield Part("gone", gone)
        if came:
            yield Part("new", came)
        gone = came = ""
        if lost:
            yield Part("same", lost)


def said(field: str, value: Any) -> str:
    """A field's value as the page writes it."""
    if field == "guards":
        kinds = [str(PolicyVersion.Guard(kind).label) for kind in value if kind in PolicyVersion.Guard.values]
        return get_format("BETWEEN_NAMES").join(kinds) or _("none")
    if field in CHOICES:
        return str(CHOICES[field](value).label)
    if field in ("second_share", "check_share"):
        return in_percent(f"{100 * value:.6g}")
    if value is None:
        return _("no limit")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return repr(value) if isinstance(value, float) else str(value)
