"""The audit: every decision and every act of an admin as one list, newest first, by whom, what, about what and when."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from alignment import opinions, policies, search
from alignment.decisions import BULK_UNDONE, IN_BULK
from alignment.models import SKU, Actor, AuditEvent, Decision, Group, GroupChange, Pair, User
from review import history, lists, revisions, run_list
from review.lists import Column, Filter, Sort, Text, from_day, to_day
from review.permissions import admin_required, person
from review.templatetags.listings import language
from review.templatetags.numbers import thousands

# What a line says of a decision: itself, and the titles of its pair.
SAID = (*(field.name for field in Decision._meta.concrete_fields), "pair__left__title", "pair__right__title")
MOST_PEOPLE = 500
MOST_FOUND = 300
POLICY, DECISIONS, ACTS = "policy", "decisions", "acts"
PUBLISHED = "publish policy"
ROLLED_BACK, INHERITED = _("Rolled back a policy"), _("Let a category inherit its policy again")
ACTIONS: dict[str, Promise] = {
    PUBLISHED: _("Published a policy"),
    "correct language": _("Corrected a language"),
    "retry scoring": _("Retried failed sets"),
    "forget note": _("Forgot a note"),
    IN_BULK: _("Decided pairs in bulk"),
    "free case": _("Freed a case"),
    "mark known pair": _("Made a pair a hidden check"),
    "retire known pair": _("Took a pair out of the hidden checks"),
    BULK_UNDONE: _("Took back a bulk decision"),
    "import file": _("Imported a file"),
    "propose candidates": _("Proposed candidates"),
    "evaluate file": _("Evaluated a file"),
    "export groups": _("Exported groups"),
    "cancel run": _("Stopped a run"),
    "retry run": _("Started a run again"),
    "add category": _("Added a category"),
    "rename category": _("Renamed a category"),
    "move category": _("Moved a category"),
    "merge category": _("Merged a category"),
    "delete category": _("Deleted a category"),
    "invite": _("Invited somebody"),
    "accept invitation": _("Accepted an invitation"),
    "withdraw invitation": _("Withdrew an invitation"),
    "change person": _("Changed somebody's role or work"),
    "deactivate person": _("Deactivated an account"),
    "reactivate person": _("Reactivated an account"),
    "create token": _("Made an API token"),
    "revoke token": _("Revoked an API token"),
}
# A published policy is called by what publishing it was.
PUBLISHINGS = {
    ACTIONS[PUBLISHED]: Q(detail__inherits__isnull=True),
    ROLLED_BACK: Q(detail__inherits=False),
    INHERITED: Q(detail__inherits=True),
}
# Acts whose subject is kept as a word and a number.
NUMBERED: dict[str, Promise] = {
    "forget note": _("Decision %(number)s"),
    "mark known pair": _("Pair %(number)s"),
    "retire known pair": _("Pair %(number)s"),
}


def is_decision(row: Any) -> bool:
    return isinstance(row, Decision)


def _by(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    if value == POLICY:
        return rows.filter(by=Decision.By.POLICY) if rows.model is Decision else rows.none()
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        return rows.none()
    return rows.filter(actor__in=list(Actor.objects.filter(user=int(value)).values_list("pk", flat=True)))


def _what(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    if rows.model is Decision:
        if value == DECISIONS:
            return rows
        return rows.filter(verdict=value) if value in Decision.Verdict.values else rows.none()
    return rows if value == ACTS else rows.filter(action=value)


def _holding(rows: QuerySet[Any], words: str) -> QuerySet[Any]:
    """Of decisions about listings that hold the words, and of acts whose subject or name does, the latest."""
    if rows.model is AuditEvent:
        return _latest(rows.filter(Q(subject__icontains=words) | _called(words.casefold())))
    found = rows.filter(pair_id__among=history.pairs_of(search.matching(words) or []))
    return _latest(found).select_related("pair__left", "pair__right").only(*SAID)


def _called(words: str) -> Q:
    """Acts whose name, the stored one or the one that their reader sees, holds the words."""
    named = Q(
        action__in=[action for action, title in ACTIONS.items() if words in action or (words in _fold(title) and action != PUBLISHED)]
    )
    for title, kind in PUBLISHINGS.items():
        if words in _fold(title):
            named |= Q(kind, action=PUBLISHED)
    return named


def _fold(title: Promise) -> str:
    return str(title).casefold()


def _latest(found: QuerySet[Any]) -> QuerySet[Any]:
    # By what no index holds: what was found is put in order, and not looked for in the whole log from its end.
    latest = list(found.order_by(-(F("pk") + 0)).values_list("pk", flat=True)[:MOST_FOUND])
    # What narrowed the rows is not looked at for each again.
    return found.model._default_manager.filter(pk__among=latest)


def _about(rows: QuerySet[Any], subject: str) -> QuerySet[Any]:
    """One subject's whole history: sku:UUID, pair:ID, group:UUID or act:UUID. What names nothing has none."""
    kind, _colon, name = subject.partition(":")
    pairs: Q | None = None
    names: list[str] = []
    if kind == "sku" and (key := _uuid(name)):
        known = SKU.objects.filter(uuid=key).values_list("pk", flat=True)
        pairs, names = Q(pair__in=history.pairs_of(list(known))), [str(key)]
    elif kind == "pair" and name.isascii() and name.isdigit() and len(name) < 19:
        pairs = Q(pair=int(name))
        names = [f"decision {pk}" for pk in Decision.objects.filter(pair=int(name)).values_list("pk", flat=True)[:1000]]
    elif kind == "group" and (key := _uuid(name)):
        pairs = Q(pk__in=list(GroupChange.objects.filter(group__uuid=key).values_list("decision", flat=True)))
    elif kind == "act" and (key := _uuid(name)):
        pairs, names = Q(act=key), [f"act {key}"]
    if pairs is None:
        return rows.none()
    return rows.filter(pairs) if rows.model is Decision else rows.filter(subject__in=names)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _people() -> list[tuple[str, Any]]:
    named = User.objects.filter(actor__isnull=False).order_by("username").values_list("pk", "username")[:MOST_PEOPLE]
    return [*((str(pk), name) for pk, name in named), (POLICY, _("policies"))]


def _kinds() -> list[tuple[str, Any]]:
    verdicts = [(verdict, title) for verdict, title in history.VERDICTS.items()]
    return [(DECISIONS, _("all decisions")), *verdicts, (ACTS, _("all acts of admins")), *ACTIONS.items()]


def _complete(rows: list[Any]) -> None:
    """Who did each, and the listings that an act names by their ids."""
    users = history.people(row.actor for row in rows)
    told = {line.decision.pk: line for line in history.lines([row for row in rows if is_decision(row)], users=users)}
    events = [row for row in rows if not is_decision(row)]
    named = {row.subject for row in events if _uuid(row.subject)}
    runs = run_list.find({run for row in events if (run := _uuid(str(row.detail.get("run", ""))))})
    skus = {str(sku.uuid): sku for sku in SKU.objects.filter(uuid__in=named)} if named else {}
    for row in rows:
        row.line = told.get(row.pk) if is_decision(row) else None
        row.user = row.line.user if row.line else users.get(row.actor)
        row.sku = None if row.line else skus.get(row.subject)
        row.run = None if row.line else runs.get(str(row.detail.get("run", "")))


def _who(row: Any) -> Any:
    if row.user:
        return row.user.get_username()
    if row.line and row.line.by_policy:
        return _("a policy")
    return history.SOMEONE if row.actor else _("the system")


def _did(row: Any) -> Any:
    if row.line:
        return f"{row.line.sign} {row.line.verdict}"
    if row.action == PUBLISHED and (inherits := row.detail.get("inherits")) is not None:
        return INHERITED if inherits else ROLLED_BACK
    return ACTIONS.get(row.action, row.action.capitalize())


def _subject(row: Any) -> str:
    if row.line:
        return f"{row.pair.left.title[:80]} / {row.pair.right.title[:80]}"
    return row.sku.title[:160] if row.sku else str(row.subject)


def _shown(row: Any) -> Text | str:
    """Two listings are in no one language, nor is what an act kept as its subject."""
    if row.line:
        return Text(_subject(row), "und")
    if _act(row):
        pairs = int(row.detail.get("pairs", row.detail.get("withdrawn", 0)))
        return ngettext("%(count)s pair", "%(count)s pairs", pairs) % {"count": thousands(pairs)}
    if row.action == "retry scoring" and (sets := _number(row)):
        return ngettext("%(count)s candidate set", "%(count)s candidate sets", sets) % {"count": thousands(sets)}
    if row.run:
        return run_list.name(row.run)
    if row.action == PUBLISHED and "category" in row.detail:
        category = row.detail["category"] or gettext("All categories")
        return gettext("%(category)s, version %(number)s") % {"category": category, "number": row.detail["version"]}
    if row.action in NUMBERED and (number := _number(row)):
        return NUMBERED[row.action] % {"number": number}
    return Text(_subject(row), row.sku.language if row.sku else "und")


def _number(row: Any) -> int:
    """The number in a subject such as "pair 12" or "12 candidate sets"; 0 where there is none."""
    return next((int(word) for word in str(row.subject).split() if word.isascii() and word.isdigit()), 0)


def _act(row: Any) -> str:
    """The bulk act that an audit event is about; empty where it is about something else."""
    return str(row.subject).removeprefix("act ") if not row.line and row.action in (IN_BULK, BULK_UNDONE) else ""


def _link(row: Any) -> str:
    if row.line:
        return reverse("pair", args=[row.pair_id])
    if act := _act(row):
        return reverse("bulk-act", args=[act])
    if row.action == PUBLISHED and "category_id" in row.detail:
        return reverse("policy", args=[row.detail["category_id"]])
    if row.run:
        return reverse(run_list.kind_of(row.run).page, args=[row.run.uuid])
    return reverse("sku", args=[row.sku.uuid]) if row.sku else ""


def _detail(row: Any) -> str:
    if row.line:
        return " · ".join(str(reason) for reason in row.line.reasons)
    held = row.detail if isinstance(row.detail, dict) else {}
    if row.action == PUBLISHED:
        return " · ".join(_changes(held))
    if row.action == IN_BULK:
        return " · ".join(_given(held))
    was, now = str(held.get("from", "")), str(held.get("to", ""))
    if row.action == "correct language":
        was, now = language(was), language(now)
    return f"{was} → {now}".strip() if now else ""


def _changes(held: dict[str, Any]) -> Iterator[str]:
    """What a published version changed. An instruction is read on the policy's page."""
    told = held.get("changed", {})
    # PostgreSQL keeps the keys in an order of its own.
    for field in (field for field in policies.FIELDS if field in told):
        found = revisions.difference(field, *told[field])
        yield str(found.name) if found.parts else f"{found.name}{gettext(': ')}{found.was} → {found.now}"


def _given(held: dict[str, Any]) -> Iterator[str]:
    """What a bulk act decided, why, and how many pairs it settled besides."""
    if (verdict := held.get("verdict")) in history.VERDICTS:
        yield f"{history.SIGNS[Decision.Verdict(verdict)]} {history.VERDICTS[verdict]}"
    if (reason := held.get("reject_reason")) in Decision.RejectReason.values:
        yield str(Decision.RejectReason(reason).label)
    if settled := int(held.get("settled") or 0):
        yield ngettext("%(count)s more pair settled", "%(count)s more pairs settled", settled) % {"count": thousands(settled)}


AUDIT = lists.List(
    name="audit",
    columns=[
        Column("when", _("When"), lambda row: row.created_at, sort="when"),
        Column("who", _("Who"), _who, link=lambda row: reverse("person", args=[row.user.pk]) if row.user else ""),
        Column("what", _("What"), lambda row: row.verdict if is_decision(row) else row.action, shown=_did),
        Column("subject", _("About"), _subject, shown=_shown, link=_link),
        Column("detail", _("Detail"), lambda row: _detail(row)),
        Column("kind", _("Kind"), lambda row: "decision" if is_decision(row) else "act", on_page=False),
        Column("id", _("Id"), lambda row: row.pk, on_page=False),
        Column("actor", _("Actor"), lambda row: str(row.actor or ""), on_page=False),
        Column("pair", _("Pair"), lambda row: row.pair_id if is_decision(row) else None, on_page=False),
        Column("data", _("Data"), lambda row: {} if is_decision(row) else row.detail, on_page=False),
    ],
    sorts=[Sort("when", _("When"), "created_at")],
    first="-when",
    filters=[
        Filter("who", _("Who"), _by, choices=_people),
        Filter("what", _("What"), _what, choices=_kinds),
        Filter("from", _("From"), from_day("created_at"), kind="date"),
        Filter("to", _("To"), to_day("created_at"), kind="date"),
        Filter("subject", _("About"), _about, kind="hidden"),
        # The last, so that the limit of what it finds is one of what the others leave.
        Filter("q", _("Words"), _holding),
    ],
    complete=_complete,
)


@never_cache
@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    shown = opinions.visible_to(person(request)).select_related("pair__left", "pair__right").only(*SAID)
    context = {"about": _named(request.GET.get("subject", ""))}
    return lists.respond(request, AUDIT, [shown, AuditEvent.objects.all()], template="review/audit.html", context=context)


def _named(subject: str) -> dict[str, str] | None:
    """What a history is of: its name and its page."""
    kind, _colon, name = subject.partition(":")
    key = _uuid(name)
    if kind == "sku" and key and (sku := SKU.objects.filter(uuid=key).first()):
        return {"name": sku.title, "language": sku.language, "href": reverse("sku", args=[sku.uuid])}
    if kind == "group" and key and (group := Group.objects.filter(uuid=key).first()):
        return {"name": str(group), "language": "", "href": reverse("group", args=[group.uuid])}
    if kind == "pair" and name.isascii() and name.isdigit() and len(name) < 19:
        pair = Pair.objects.select_related("left", "right").filter(pk=int(name)).first()
        return {"name": str(pair), "language": "", "href": reverse("pair", args=[pair.pk])} if pair else None
    if kind == "act" and key and Decision.objects.filter(act=key).exists():
        return {"name": gettext("a bulk decision"), "language": "", "href": reverse("bulk-act", args=[key])}
    return None
