"""A case as a page shows it: what each listing says, how the candidates compare with the query, what was decided before."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Count, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment import decisions, facts
from alignment.models import SKU, Actor, Decision, Membership, Pair, PolicyVersion, User
from alignment.policies import render_instruction
from alignment.rendering import fold
from review import differences, leases

VERDICTS: dict[str, Promise] = {
    Decision.Verdict.ACCEPT: _("Same"),
    Decision.Verdict.REJECT: _("Different"),
    Decision.Verdict.UNSURE: _("Unsure"),
    Decision.Verdict.WITHDRAW: _("Taken back"),
}
MOST_ATTRIBUTES = 40
LONGEST_VALUE = 300
LONGEST_DESCRIPTION = 1500


@dataclass(frozen=True)
class Fact:
    """One attribute of a listing. `agrees`: True where the query says the same, False where it says another, None where it says nothing."""

    name: str
    value: str
    agrees: bool | None = None


@dataclass(frozen=True)
class Listing:
    """One SKU as a page shows it. `link` is empty unless it is a web address."""

    sku: SKU
    facts: list[Fact]
    link: str
    description: str


@dataclass(frozen=True)
class EarlierVerdict:
    decision: Decision
    verdict: Promise
    who: str
    note: str


@dataclass
class Candidate:
    """One open pair, seen from the query."""

    pair: Pair
    listing: Listing
    forward: float | None
    reverse: float | None
    same_gtin: bool
    compared: differences.Differences
    current: bool = False
    earlier: list[EarlierVerdict] = field(default_factory=list)


def describe(case: leases.Case, *, current: int | None = None) -> dict[str, Any]:
    """What the case page needs, in a constant number of queries."""
    query = case.pairs[0].query
    asked = _facts(query)
    earlier = _earlier([pair.pk for pair in case.pairs], case.lease.reviewer)
    said = facts.of(query)
    candidates = [_candidate(pair, query, asked, said, earlier[pair.pk]) for pair in case.pairs]
    chosen = next((candidate for candidate in candidates if candidate.pair.pk == current), candidates[0])
    chosen.current = True
    policy = case.pairs[0].policy
    return {
        "lease": case.lease,
        "query": Listing(query, list(asked.values()), web_address(query.url), query.description[:LONGEST_DESCRIPTION]),
        "candidates": candidates,
        "category": case.pairs[0].category,
        "policy": policy,
        "instruction": _instruction(policy, case.pairs[0], query),
        "around": _around(query, blind=any(pair.stage == Pair.Stage.SECOND for pair in case.pairs)),
        "demo": any(score.model.is_demo for pair in case.pairs for score in (pair.score, pair.reverse_score) if score),
    }


def web_address(url: str) -> str:
    """The address, if a browser may follow it: http or https with a host, nothing else."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme.lower() in {"http", "https"} and parts.netloc else ""


def _candidate(pair: Pair, query: SKU, asked: dict[str, Fact], said: list[facts.Fact], earlier: list[EarlierVerdict]) -> Candidate:
    sku = pair.right if pair.query_id == pair.left_id else pair.left
    attributes = [Fact(fact.name, fact.value, _agrees(fact, asked.get(name))) for name, fact in _facts(sku).items()]
    return Candidate(
        pair=pair,
        listing=Listing(sku, attributes, web_address(sku.url), sku.description[:LONGEST_DESCRIPTION]),
        forward=pair.score.probability if pair.score else None,
        reverse=pair.reverse_score.probability if pair.reverse_score else None,
        same_gtin=bool(sku.gtin) and sku.gtin == query.gtin,
        compared=differences.between(said, facts.of(sku)),
        earlier=earlier,
    )


def _facts(sku: SKU) -> dict[str, Fact]:
    """A listing's attributes by folded name, bounded."""
    attributes = sku.attributes if isinstance(sku.attributes, dict) else {}
    facts = {}
    for name, value in list(attributes.items())[:MOST_ATTRIBUTES]:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        facts[fold(str(name))] = Fact(str(name)[:LONGEST_VALUE], text[:LONGEST_VALUE])
    if sku.gtin:
        facts.setdefault("gtin", Fact("GTIN", sku.gtin))
    return facts


def _agrees(fact: Fact, asked: Fact | None) -> bool | None:
    return None if asked is None else fold(asked.value) == fold(fact.value)


def _instruction(policy: PolicyVersion | None, pair: Pair, query: SKU) -> str:
    return render_instruction(policy, category=pair.category, query=query) if policy else ""


def _earlier(pair_ids: Sequence[int], user: User) -> dict[int, list[EarlierVerdict]]:
    found = list(decisions.visible_to(user).filter(pair__in=pair_ids, by=Decision.By.PERSON).select_related("note").order_by("pk"))
    actors = Actor.objects.select_related("user").in_bulk({decision.actor for decision in found if decision.actor})
    earlier: dict[int, list[EarlierVerdict]] = defaultdict(list)
    for decision in found:
        actor = actors.get(decision.actor) if decision.actor else None
        earlier[decision.pair_id].append(
            EarlierVerdict(
                decision=decision,
                verdict=VERDICTS[decision.verdict],
                who=actor.user.get_username() if actor and actor.user else "",
                note=decision.note.text if hasattr(decision, "note") else "",
            )
        )
    return earlier


def _around(query: SKU, *, blind: bool) -> dict[str, Any]:
    """What stands around the query. `blind`: a second opinion is asked for, so nothing that the first one moved is told."""
    told = ~Q(stage=Pair.Stage.SECOND)
    counts = Pair.objects.filter(Q(left=query) | Q(right=query)).aggregate(
        accepted=Count("pk", filter=told & Q(standing__verdict=Decision.Verdict.ACCEPT)),
        rejected=Count("pk", filter=told & Q(standing__verdict=Decision.Verdict.REJECT)),
        discarded=Count("pk", filter=Q(route=Pair.Route.DISCARD, standing__isnull=True)),
    )
    membership = None if blind else Membership.objects.select_related("group").filter(sku=query).first()
    return counts | {"group": membership.group if membership else None}
