"""Versions of a policy: what they say, what they inherit, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from alignment import policies, rollout
from alignment.models import AuditEvent, Category, Pair, PolicyVersion
from alignment.policies import PolicyError, published, values_of
from tests.factories import make_admin, make_category, make_pair, make_policy, make_set, make_sku, score_waiting_sets

pytestmark = pytest.mark.django_db
RULES: dict[str, Any] = {
    "guards": ["volume", "count"],
    "blind": True,
    "reasons": "required",
    "order": "uncertain",
    "priority": 1,
    "due_hours": 48,
    "second_share": 0.1,
    "second_unsure": True,
    "check_share": 0.05,
}


def root() -> Category:
    return Category.objects.get(path="")


def roll_out(score: float | None = None) -> None:
    while rollout.advance():
        pass
    if score is not None:
        score_waiting_sets(score)


def test_a_version_keeps_how_people_review() -> None:
    make_policy(**RULES)
    assert {field: values_of(published(None))[field] for field in RULES} == RULES


def test_what_is_left_out_stays_as_it_is_in_force() -> None:
    make_policy(**RULES)
    make_policy(make_category("Kitchen"), accept_at=0.99)
    version = published(make_category("Kitchen"))
    assert (version.accept_at, {field: values_of(version)[field] for field in RULES}) == (0.99, RULES)


def test_guards_are_kept_once_and_in_one_order() -> None:
    assert make_policy(guards=["count", "volume", "count"]).guards == ["volume", "count"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("guards", ["price"]),
        ("reasons", "sometimes"),
        ("order", "alphabetical"),
        ("priority", 7),
        ("due_hours", 0),
        ("due_hours", 10_000),
        ("second_share", 1.01),
        ("check_share", float("nan")),
        ("accept_at", 0.5),
    ],
)
def test_what_cannot_be_published_names_its_field(field: str, value: object) -> None:
    with pytest.raises(PolicyError) as refused:
        make_policy(**{field: value})
    assert refused.value.field == ("review_at" if field == "accept_at" else field) and refused.value.message


def test_what_is_in_force_already_is_not_published_again() -> None:
    make_policy(**RULES)
    for category in (None, make_category("Kitchen")):
        with pytest.raises(PolicyError, match="Nothing is changed"):
            make_policy(category, **RULES)


def test_the_audit_says_what_changed() -> None:
    admin = make_admin()
    was = published(None)
    policies.publish(category=root(), **values_of(was) | {"accept_at": 0.95, "blind": True}, author=admin)
    event = AuditEvent.objects.get(action="publish policy")
    assert event.actor == admin.actor.uuid
    changes = {"accept_at": [was.accept_at, 0.95], "blind": [False, True]}
    assert event.detail == {"category": "", "category_id": root().pk, "version": was.number + 1, "changed": changes}


def test_rolling_back_brings_back_every_field() -> None:
    old = make_policy(**RULES)
    make_policy(instruction="Another question?", accept_at=0.99, blind=False, guards=[])
    policies.roll_back(version=old, author=None)
    assert values_of(published(None)) == values_of(old) and published(None).restores == old


def test_what_was_published_for_a_category_alone_is_undone_by_inheriting_again() -> None:
    kitchen, kettles = make_category("Kitchen"), make_category("Kitchen > Kettles")
    make_policy(kitchen, accept_at=0.99)
    policies.inherit(category=kitchen, author=None)
    assert published(kitchen) == published(kettles) == published(None)
    make_policy(accept_at=0.95)
    assert published(kettles).accept_at == 0.95
    assert make_policy(kitchen, accept_at=0.97).number == 3


@pytest.mark.parametrize("path", ["", "Kitchen"])
def test_what_has_nothing_above_or_nothing_of_its_own_cannot_inherit(path: str) -> None:
    category = make_category(path) if path else root()
    with pytest.raises(PolicyError):
        policies.inherit(category=category, author=None)


def routes() -> list[tuple[int, str, bool, str | None]]:
    return list(Pair.objects.order_by("pk").values_list("pk", "route", "in_review", "standing__by"))


def test_publishing_and_rolling_back_leaves_routes_as_they_were() -> None:
    kitchen = make_category("Kitchen")
    before = make_policy(kitchen, accept_at=0.91)
    for score in (0.99, 0.95, 0.91, 0.85, 0.7, 0.65, 0.2):
        make_pair(score, category=kitchen)
    was = routes()
    make_policy(kitchen, accept_at=0.96, review_at=0.5)
    roll_out()
    assert routes() != was
    policies.roll_back(version=before, author=None)
    roll_out()
    assert routes() == was


def test_publishing_for_a_category_and_inheriting_again_leaves_routes_as_they_were() -> None:
    kitchen = make_category("Kitchen")
    pair = make_pair(0.8, category=kitchen)
    make_policy(kitchen, instruction="The same kettle?", accept_at=0.75)
    roll_out(0.8)
    pair.refresh_from_db()
    assert pair.route == Pair.Route.ACCEPT
    policies.inherit(category=kitchen, author=None)
    roll_out(0.1)
    pair.refresh_from_db()
    assert (pair.route, pair.policy, pair.standing) == (Pair.Route.REVIEW, published(None), None)


def test_a_version_superseded_before_it_was_applied_still_has_its_instruction_asked() -> None:
    pair = make_pair(0.8)
    make_policy(instruction="Another question?")
    make_policy(instruction="Another question?", accept_at=0.95)
    roll_out(0.1)
    pair.refresh_from_db()
    assert pair.route == Pair.Route.DISCARD


def test_an_instruction_reaches_a_category_that_got_its_own_policy_meanwhile() -> None:
    kitchen = make_category("Kitchen")
    pair = make_pair(0.8, category=kitchen)
    make_policy(instruction="Another question?")
    make_policy(kitchen, instruction="Another question?", accept_at=0.95)
    roll_out(0.1)
    pair.refresh_from_db()
    assert pair.route == Pair.Route.DISCARD


def test_while_a_rollout_waits_one_query_says_whether_another_version_is_in_force(django_assert_num_queries: Any) -> None:
    kitchen, kettles, garden = make_category("Kitchen"), make_category("Kitchen > Kettles"), make_category("Kitchen garden")
    places: list[Category | None] = [None, root(), kitchen, kettles, garden]

    def as_worked_out() -> list[set[int]]:
        return [{version.pk for version in PolicyVersion.objects.all() if version != published(place)} for place in places]

    def as_asked() -> list[set[int]]:
        every = PolicyVersion.objects.all()
        return [{version.pk for version in every if rollout.replaces(version, category=place)} for place in places]

    own = make_policy(kitchen, accept_at=0.99)
    assert as_asked() == as_worked_out()
    make_policy(kettles, accept_at=0.98)
    make_policy(accept_at=0.95)
    assert as_asked() == as_worked_out()
    policies.inherit(category=kettles, author=None)
    assert as_asked() == as_worked_out()
    policies.inherit(category=kitchen, author=None)
    policies.roll_back(version=own, author=None)
    assert as_asked() == as_worked_out()
    with django_assert_num_queries(1):
        assert rollout.replaces(own, category=kettles)
    roll_out()
    assert as_asked() == [set()] * len(places)


def test_only_the_sets_of_the_categories_that_inherit_are_worked_through() -> None:
    kitchen, garden = make_category("Kitchen"), make_category("Garden")
    make_policy(garden, instruction="The same spade?")
    for category in (kitchen, garden):
        make_set(make_sku(category=category), [make_sku()])
    score_waiting_sets(0.8)
    version = make_policy(instruction="Another question?")
    roll_out()
    assert PolicyVersion.objects.get(pk=version.pk).rollout.rescored == 1
