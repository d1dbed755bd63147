"""Applying a published policy to what was there before it: new thresholds re-route, a new instruction has sets scored anew.

Done in chunks by a worker. How far it came is a row, so a killed worker's rollout goes on where it stopped.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Length
from django.utils import timezone

from alignment import logbook, pair_routes, scoring, wake_ups
from alignment.catalogue import ancestors
from alignment.models import CandidateSet, Category, PolicyRollout, PolicyVersion
from alignment.policies import Policies, sets_of

CHUNK = 20


def waiting() -> bool:
    return PolicyRollout.objects.filter(finished_at__isnull=True).exists()


def replaces(policy: PolicyVersion, *, category: Category | None) -> bool:
    """Whether a rollout waits and another version than this is in force for a category by now, as `Policies` would say. One query."""
    newest = PolicyVersion.objects.filter(category=OuterRef("category")).order_by("-pk").values("pk")[:1]
    own = PolicyVersion.objects.filter(
        Exists(PolicyRollout.objects.filter(finished_at__isnull=True)),
        Q(restores__isnull=True) | Q(restores__category=F("category")),
        category__path__in=ancestors(category.path if category else ""),
        pk=Subquery(newest),
    )
    nearest = own.order_by(Length("category__path").desc()).values_list("pk", flat=True).first()
    return nearest not in (None, policy.pk)


def advance() -> bool:
    """Apply the oldest unfinished rollout to its next chunk of sets. Returns whether there was one."""
    _begin()
    with transaction.atomic():
        logbook.lock()
        rollout = _oldest()
        if rollout is None:
            return False
        ids = list(_ahead(rollout).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        if not ids:
            rollout.finished_at, rollout.last_set_id = timezone.now(), rollout.final_set_id
        elif rollout.policy.instruction != rollout.previous.instruction:
            rollout.rescored += scoring.set_waiting(Q(pk__in=ids))
            rollout.last_set_id = ids[-1]
            wake_ups.wake()
        else:
            scored = CandidateSet.objects.filter(pk__in=ids, status=CandidateSet.Status.SCORED).values_list("pk", flat=True)
            pair_routes.route_sets(list(scored))
            rollout.rerouted += len(scored)
            rollout.last_set_id = ids[-1]
        rollout.sets_done += len(ids)
        rollout.save(update_fields=["finished_at", "last_set_id", "sets_done", "rerouted", "rescored"])
    return True


def _begin() -> None:
    """Count what the oldest rollout has ahead of it, where nobody has: outside the lock, for which everybody waits."""
    rollout = _oldest()
    if rollout and not rollout.begun:
        PolicyRollout.objects.filter(pk=rollout.pk, sets=None).update(sets=_ahead(rollout).count())


def _oldest() -> PolicyRollout | None:
    return PolicyRollout.objects.select_related("policy", "previous").filter(finished_at__isnull=True).order_by("id").first()


def _ahead(rollout: PolicyRollout) -> QuerySet[CandidateSet]:
    """The sets that it has not looked at, by the policies as they were then: what has been published since has a rollout of its own,
    which takes this one's work as done."""
    policies = Policies(until=rollout.policy_id)
    categories = policies.governed(rollout.policy.category_id)
    within = sets_of(categories, with_none=policies.root in categories)
    return CandidateSet.objects.filter(within, pk__gt=rollout.last_set_id, pk__lte=rollout.final_set_id)
