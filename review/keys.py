"""The keys of the case page: which act each is bound to for one person, and how a key is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alignment.models import Decision, User

# Each act's usual key and what it does.
VERDICTS: dict[str, tuple[str, Promise]] = {
    "accept": ("a", gettext_lazy("Same product")),
    "reject": ("r", gettext_lazy("Different products")),
    "unsure": ("u", gettext_lazy("Unsure: leave it to others")),
    "undo": ("z", gettext_lazy("Undo your last verdict")),
}
MOVES: dict[str, tuple[str, Promise]] = {
    "next": ("j", gettext_lazy("Next candidate")),
    "previous": ("k", gettext_lazy("Previous candidate")),
    "details": ("d", gettext_lazy("Unfold or fold the details")),
    "note": ("n", gettext_lazy("Write a note; Esc leaves it")),
    "help": ("?", gettext_lazy("This list of keys")),
}
# In a row that a reject opens, where the policy asks for its reason.
REASONS: dict[str, tuple[str, Promise]] = {
    value: (str(number), label) for number, (value, label) in enumerate(Decision.RejectReason.choices, 1)
}
ACTS = VERDICTS | MOVES | REASONS
DEFAULTS = {act: key for act, (key, _label) in ACTS.items()}
# As browsers name them, in small letters.
NAMED = {
    "arrowup": "↑",
    "arrowdown": "↓",
    "arrowleft": "←",
    "arrowright": "→",
    "backspace": "⌫",
    "delete": "Del",
    "insert": "Ins",
    "home": "Home",
    "end": "End",
    "pageup": "PgUp",
    "pagedown": "PgDn",
} | {f"f{number}": f"F{number}" for number in range(1, 13)}
# They press the button that has the focus, walk on to the next one, leave a field, go to the search.
TAKEN = frozenset({"enter", "escape", "tab", " ", "space", "/"})


class Refused(Exception):
    """Keys that cannot be used together; `problems` says why in words, by act."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class Key:
    """One act of one person's. `name` is the browser's name of the key, `shown` what the page writes on it."""

    act: str
    label: Promise
    name: str
    shown: str


def of(user: User) -> dict[str, Key]:
    """Every act's key, as this person has it."""
    chosen = _stored(user)
    return {act: Key(act, label, chosen[act], written(chosen[act])) for act, (_default, label) in ACTS.items()}


def written(name: str) -> str:
    return NAMED.get(name, name.upper())


def bind(*, user: User, chosen: Mapping[str, str]) -> None:
    """Keep a person's keys. Raises Refused, and then nothing is changed."""
    bound = {act: _folded(chosen.get(act, "")) for act in ACTS}
    problems: dict[str, str] = {}
    taken: dict[str, str] = {}
    for act, name in bound.items():
        if why := _unusable(name):
            problems[act] = why
        elif name in taken:
            problems[act] = _("%(key)s is already the key of “%(act)s”.") % {"key": written(name), "act": ACTS[taken[name]][1]}
        else:
            taken[name] = act
    if problems:
        raise Refused(problems)
    _keep(user, None if bound == DEFAULTS else bound)


def reset(*, user: User) -> None:
    """Back to the usual keys."""
    _keep(user, None)


def _stored(user: User) -> dict[str, str]:
    """What is stored, where it still makes sense as a whole: acts are added and renamed between versions."""
    stored = user.preferences.get("keys") if isinstance(user.preferences, dict) else None
    if not isinstance(stored, dict):
        return DEFAULTS
    chosen = DEFAULTS | {act: name for act, name in stored.items() if act in ACTS and isinstance(name, str) and not _unusable(name)}
    return chosen if len(set(chosen.values())) == len(chosen) else DEFAULTS


def _folded(text: str) -> str:
    return text.strip().lower() if text.strip() else text[:1]


def _unusable(name: str) -> str:
    """Why a key cannot be bound; empty when it can."""
    if not name:
        return _("Press the key for this act.")
    if name in TAKEN:
        return _("Enter, Esc, Tab, the space bar and / have their work on every page. Choose another key.")
    if name not in NAMED and (len(name) != 1 or not name.isprintable()):
        return _("One key, please: a letter, a digit, a sign, an arrow or a function key.")
    return ""


def _keep(user: User, bound: dict[str, str] | None) -> None:
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        kept = {name: value for name, value in locked.preferences.items() if name != "keys"}
        locked.preferences = kept | ({"keys": bound} if bound else {})
        locked.save(update_fields=["preferences"])
    user.preferences = locked.preferences
