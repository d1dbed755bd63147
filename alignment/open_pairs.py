"""Whether a person has something to decide about a pair, and the pair's place in the queue. All of it is derived; the log is the truth."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from alignment.models import Decision, Pair, PolicyVersion

Stage, Order = Pair.Stage, PolicyVersion.Order
FOR_ADMINS = (Stage.ADJUDICATION, Stage.ESCALATED)
FIELDS = ["in_review", "stage", "languages", "priority", "order_key", "due_since", "due_at"]


def needs_review(pair: Pair, standing: Decision | None) -> bool:
    """Whether a person has something to decide, given what stands on the pair."""
    if standing is None:
        return pair.route == Pair.Route.REVIEW
    if standing.by == Decision.By.PERSON:
        return standing.verdict == Decision.Verdict.UNSURE or pair.text_changed
    return False


def refresh(pairs: Iterable[Pair]) -> None:
    """Open or close pairs and give them their places, from what is set on them. Saves nothing: `FIELDS` are what it touches.

    Reads each pair's standing, policy, score and both SKUs.
    """
    now = timezone.now()
    for pair in pairs:
        was, pair.in_review = pair.in_review, needs_review(pair, pair.standing)
        if not pair.in_review:
            pair.due_since = pair.due_at = None
            pair.stage = Stage.FIRST if pair.stage == Stage.ESCALATED else pair.stage
            continue
        pair.due_since = pair.due_since if was and pair.due_since else now
        policy = pair.policy
        pair.due_at = pair.due_since + timedelta(hours=policy.due_hours) if policy and policy.due_hours else None
        pair.priority = policy.priority if policy else PolicyVersion.Priority.NORMAL
        pair.languages = "|".join(sorted((pair.left.language, pair.right.language)))
        pair.order_key = _order_key(pair)


def _order_key(pair: Pair) -> float:
    """The smallest comes first. Only pairs of one policy are compared by it; between policies the priority decides."""
    policy, score = pair.policy, pair.score.probability if pair.score else 0.0
    if policy is not None and policy.order == Order.LIKELIEST:
        return -score
    if policy is not None and policy.order == Order.UNCERTAIN:
        return abs(score - (policy.accept_at + policy.review_at) / 2)
    assert pair.due_since is not None
    return pair.due_since.timestamp()
