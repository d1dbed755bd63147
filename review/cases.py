"""A case as a page shows it: what each listing says, how the candidates compare with the query, what was decided before."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from alignment import facts, implied, opinions, rollout
from alignment.models import SKU, Actor, Decision, Pair, PolicyVersion, User
from alignment.policies import render_instruction
from alignment.rendering import fold
from review import around, differences, keys, leases
from review.templatetags.listings import score

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


@dataclass(frozen=True)
class Scale:
    """A score, in both directions where both were asked, and its place between the policy's thresholds."""

    forward: float
    reverse: float | None
    review_at: float | None
    accept_at: float | None

    @property
    def forward_x(self) -> float:
        return _place(self.forward)

    @property
    def reverse_x(self) -> float:
        return _place(self.reverse)

    @property
    def review_x(self) -> float:
        return _place(self.review_at)

    @property
    def accept_x(self) -> float:
        return _place(self.accept_at)


@dataclass
class Candidate:
    """One open pair, seen from the query. Where its policy is blind, nothing here tells the score."""

    pair: Pair
    listing: Listing
    blind: bool
    scale: Scale | None
    settles: dict[str, str]
    guard: str
    seen: str
    reasons: list[keys.Key]
    reason_required: bool
    same_gtin: bool
    compared: differences.Differences
    current: bool = False
    earlier: list[EarlierVerdict] = field(default_factory=list)


def describe(case: leases.Case, *, user: User, current: int | None = None) -> dict[str, Any]:
    """What the case page needs, in a constant number of queries."""
    pairs = in_order(case.pairs)
    _read_listings(pairs)
    query = pairs[0].query
    asked = _facts(query)
    # What was decided on a known pair, and around it, would tell that it is one.
    earlier = _earlier([] if case.is_check else [pair.pk for pair in pairs if leases.answered(pair)], user)
    said = facts.of(query)
    bound, counted = keys.of(user), implied.settles(pairs)
    candidates = [_candidate(pair, query, asked, said, earlier[pair.pk], user, bound, counted[pair.pk]) for pair in pairs]
    chosen = next((candidate for candidate in candidates if candidate.pair.pk == current), candidates[0])
    chosen.current = True
    policy = pairs[0].policy
    due_at = min((pair.due_at for pair in pairs if pair.due_at), default=None)
    return {
        "lease": case.lease,
        "query": Listing(query, list(asked.values()), web_address(query.url), query.description[:LONGEST_DESCRIPTION]),
        "candidates": candidates,
        "category": pairs[0].category,
        "languages": _languages(query, candidates),
        "due_at": due_at,
        "overdue": due_at is not None and due_at < timezone.now(),
        "policy": policy,
        "newer_policy": policy is not None and rollout.replaces(policy, category=pairs[0].category),
        "instruction": _instruction(policy, pairs[0], query),
        "around": around.Around() if case.is_check else around.of(query, pairs, user),
        "demo": any(pair.score.model.is_demo for pair in pairs if pair.score),
    }


def _read_listings(pairs: Sequence[Pair]) -> None:
    """Give pairs their three SKUs, each one object, with its group, in one query."""
    wanted = {sku for pair in pairs for sku in (pair.left_id, pair.right_id, pair.query_id)}
    skus = SKU.objects.select_related("source", "membership__group").in_bulk(wanted)
    for pair in pairs:
        pair.left, pair.right, pair.query = skus[pair.left_id], skus[pair.right_id], skus[pair.query_id]


def in_order(pairs: Sequence[Pair]) -> list[Pair]:
    """The likeliest first; where any of them is to be judged blind, in an order that tells nothing."""
    return sorted(pairs, key=lambda pair: hashlib.sha256(str(pair.pk).encode()).digest()) if any(map(is_blind, pairs)) else list(pairs)


def is_blind(pair: Pair) -> bool:
    return pair.policy is not None and pair.policy.blind


def seen(user: User, pair: Pair) -> str:
    """Says that this person was shown this pair with these texts: what is pressed comes back with it, minutes or hours later."""
    return salted_hmac("review.seen", f"{user.pk} {pair.pk} {pair.left.text_hash} {pair.right.text_hash}").hexdigest()[:32]


def settles(counted: implied.Settles) -> dict[str, str]:
    """How many other open pairs an answer settles, in words: for either answer where they are alike, else for each."""
    alike = counted.same == counted.different
    return {
        "either": _settles(counted.same) if alike else "",
        "accept": "" if alike else _settles(counted.same),
        "reject": "" if alike else _settles(counted.different),
    }


def _settles(count: int) -> str:
    return ngettext("settles %(count)s more", "settles %(count)s more", count) % {"count": count} if count else ""


def told(pair: Pair) -> str:
    """What a blind verdict is told once it is given: the score. Empty where it was shown."""
    if not is_blind(pair) or pair.score is None:
        return ""
    return gettext("The score was %(score)s.") % {"score": score(pair.score.probability)}


def web_address(url: str) -> str:
    """The address, if a browser may follow it: http or https with a host, nothing else."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme.lower() in {"http", "https"} and parts.netloc else ""


def _candidate(
    pair: Pair,
    query: SKU,
    asked: dict[str, Fact],
    said: list[facts.Fact],
    earlier: list[EarlierVerdict],
    user: User,
    bound: dict[str, keys.Key],
    counted: implied.Settles,
) -> Candidate:
    sku = pair.right if pair.query_id == pair.left_id else pair.left
    attributes = [Fact(fact.name, fact.value, _agrees(fact, asked.get(name))) for name, fact in _facts(sku).items()]
    wanted = pair.policy.reasons if pair.policy else PolicyVersion.Reasons.OFF
    return Candidate(
        pair=pair,
        listing=Listing(sku, attributes, web_address(sku.url), sku.description[:LONGEST_DESCRIPTION]),
        blind=is_blind(pair),
        scale=None if is_blind(pair) else _scale(pair),
        settles=settles(counted),
        guard="" if is_blind(pair) else facts.names(pair.guard),
        seen=seen(user, pair),
        reasons=[] if wanted == PolicyVersion.Reasons.OFF else [bound[act] for act in keys.REASONS],
        reason_required=wanted == PolicyVersion.Reasons.REQUIRED,
        same_gtin=bool(sku.gtin) and sku.gtin == query.gtin,
        compared=differences.between(query, sku, stated=said),
        earlier=earlier,
    )


def _scale(pair: Pair) -> Scale | None:
    if pair.score is None:
        return None
    policy, reverse = pair.policy, pair.reverse_score
    return Scale(
        forward=pair.score.probability,
        reverse=reverse.probability if reverse else None,
        review_at=policy.review_at if policy else None,
        accept_at=policy.accept_at if policy else None,
    )


def _place(share: float | None) -> float:
    """Where on the drawn line a share of 0 to 1 is."""
    return round(4 + 152 * (share or 0.0), 1)


def _languages(query: SKU, candidates: Sequence[Candidate]) -> str:
    others = sorted({candidate.listing.sku.language or "?" for candidate in candidates})
    return f"{query.language or '?'} → {', '.join(others)}"


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
    if not pair_ids:
        return defaultdict(list)
    who = Actor.objects.filter(uuid=OuterRef("actor")).values("user__username")
    found = opinions.visible_to(user).filter(pair__in=pair_ids, by=Decision.By.PERSON).select_related("note").annotate(who=Subquery(who))
    earlier: dict[int, list[EarlierVerdict]] = defaultdict(list)
    for decision in found.order_by("pk"):
        earlier[decision.pair_id].append(
            EarlierVerdict(
                decision=decision,
                verdict=VERDICTS[decision.verdict],
                who=decision.who or "",
                note=decision.note.text if hasattr(decision, "note") else "",
            )
        )
    return earlier
