"""Pure: which band a score falls in under a policy, and what two directions of one pair say together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from alignment.models import Pair

Route = Pair.Route


def route(probability: float, *, accept_at: float, review_at: float) -> Pair.Route:
    """The band of a stored probability. Bounds are exact: `accept_at` itself is accepted, `review_at` itself is reviewed."""
    if probability >= accept_at:
        return Route.ACCEPT
    return Route.REVIEW if probability >= review_at else Route.DISCARD


def agree(routes: Sequence[Pair.Route]) -> Pair.Route:
    """The route that every direction agrees on; where they differ, people decide. Nothing scored yet is waiting."""
    if not routes:
        return Route.WAITING
    return routes[0] if len(set(routes)) == 1 else Route.REVIEW


def guarded(chosen: Pair.Route, conflicts: Collection[str]) -> Pair.Route:
    """What would be accepted goes to a person where the listings' facts conflict in a kind that the policy guards."""
    return Route.REVIEW if chosen == Route.ACCEPT and conflicts else chosen
