"""Changing the tree: paths, policies, scores and routes follow; what cannot be is refused in words; feeds find what was moved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment import candidate_runs, catalogue, category_changes, category_tree, policies
from alignment.catalogue import CategoryError
from alignment.models import SKU, AuditEvent, CandidateSet, Category, CategoryAlias, CategoryChange, Pair, PolicyVersion, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return factories.make_admin()


def at(path: str) -> Category:
    return Category.objects.get(path=path)


def paths() -> set[str]:
    return set(Category.objects.exclude(path="").values_list("path", flat=True))


def pair_in(path: str, score: float = 0.8) -> Pair:
    category = factories.make_category(path)
    return factories.make_pair(score, left=factories.make_sku(category=category), right=factories.make_sku(category=category))


def whole_tree_holds() -> None:
    for category in Category.objects.select_related("parent").exclude(path=""):
        assert category.parent is not None
        assert category.path == catalogue.join_path(category.parent.path, category.name)


def test_a_rename_carries_the_paths_below_and_changes_no_route(admin: User) -> None:
    pair = pair_in("Baby > Strollers > Twin")
    run = category_tree.apply(category_tree.plan_rename(at("Baby > Strollers"), " Push  chairs "), user=admin)
    assert paths() == {"Baby", "Baby > Push chairs", "Baby > Push chairs > Twin"}
    assert (run.status, run.rescored, run.rerouted) == ("done", 0, 0)
    assert Pair.objects.get(pk=pair.pk).route == "review"
    assert AuditEvent.objects.filter(action="rename category", subject="Baby > Strollers").exists()


def test_a_rename_has_scored_anew_what_was_asked_with_the_name(admin: User) -> None:
    factories.make_policy(factories.make_category("Baby"), instruction="The same product in {category}?")
    pair_in("Baby > Strollers")
    pair_in("Kitchen")
    plan = category_tree.plan_rename(at("Baby"), "Infants")
    assert (plan.rescored_pairs, plan.rerouted_pairs) == (1, 0)
    finish_rollouts()
    run = category_tree.apply(plan, user=admin)
    assert run.rescored == 1
    assert CandidateSet.objects.filter(status="pending").count() == 1


def finish_rollouts() -> None:
    from alignment import rollout

    while rollout.advance():
        pass
    factories.score_waiting_sets(0.8)


def test_a_move_brings_the_policy_of_the_new_place(admin: User) -> None:
    factories.make_policy(factories.make_category("Power"), instruction=policies.published(None).instruction, accept_at=0.75, review_at=0.5)
    finish_rollouts()
    pair = pair_in("Gadgets > Chargers")
    plan = category_tree.plan_move(at("Gadgets > Chargers"), at("Power"))
    assert (plan.rescored_pairs, plan.rerouted_pairs, plan.skus) == (0, 1, 2)
    run = category_tree.apply(plan, user=admin)
    assert run.rerouted == 1 and paths() == {"Power", "Gadgets", "Power > Chargers"}
    assert Pair.objects.get(pk=pair.pk).route == "accept"


def test_a_move_to_another_instruction_scores_anew_and_keeps_what_has_its_own_policy(admin: User) -> None:
    factories.make_policy(factories.make_category("Power"), instruction="Equal in voltage?")
    factories.make_policy(factories.make_category("Gadgets > Chargers > Fast"), instruction="Equal in watts?")
    finish_rollouts()
    pair_in("Gadgets > Chargers"), pair_in("Gadgets > Chargers > Fast")
    finish_rollouts()
    run = category_tree.apply(category_tree.plan_move(at("Gadgets > Chargers"), at("Power")), user=admin)
    waiting = CandidateSet.objects.filter(status="pending").values_list("query__category__path", flat=True)
    assert list(waiting) == ["Power > Chargers"] and run.rescored == 1


def test_a_merge_moves_listings_sets_pairs_and_reviewers_and_the_category_goes(admin: User) -> None:
    pair = pair_in("Baby > Prams")
    factories.make_category("Baby > Prams > Twin"), factories.make_category("Baby > Strollers")
    reviewer = factories.make_reviewer()
    reviewer.categories.add(at("Baby > Prams"))
    own = factories.make_set(factories.make_sku(), [factories.make_sku()], category=at("Baby > Prams"))
    run = category_tree.apply(category_tree.plan_merge(at("Baby > Prams"), at("Baby > Strollers")), user=admin)
    into = at("Baby > Strollers")
    assert paths() == {"Baby", "Baby > Strollers", "Baby > Strollers > Twin"}
    assert (run.status, run.skus_moved) == ("done", 2)
    assert Pair.objects.get(pk=pair.pk).category == into
    assert CandidateSet.objects.get(pk=own.pk).category == into
    assert list(reviewer.categories.all()) == [into]
    whole_tree_holds()


def test_a_killed_merge_goes_on(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        pair_in("Baby > Prams")
    factories.make_category("Baby > Strollers")
    monkeypatch.setattr(category_tree, "SKUS_DONE_AT_ONCE", 0)
    monkeypatch.setattr(category_changes, "SETS_AT_ONCE", 3)
    run = category_tree.apply(category_tree.plan_merge(at("Baby > Prams"), at("Baby > Strollers")), user=admin)
    assert run.status == "waiting"
    original, left = category_changes._move_some, 2

    def move_some(run: CategoryChange, category: int) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return original(run, category)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(category_changes, "_move_some", move_some)
        category_changes.work(run.pk)
    assert SKU.objects.filter(category=at("Baby > Prams")).count() == 2
    CategoryChange.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    category_changes.work(run.pk)
    run.refresh_from_db()
    assert (run.status, run.skus_moved) == ("done", 8)
    assert "Baby > Prams" not in paths()


@pytest.fixture
def merge(admin: User, monkeypatch: pytest.MonkeyPatch) -> CategoryChange:
    """One that is left to a worker."""
    monkeypatch.setattr(category_tree, "SETS_DONE_AT_ONCE", -1)
    pair_in("Baby"), factories.make_category("Kids")
    return category_tree.apply(category_tree.plan_merge(at("Baby"), at("Kids")), user=admin)


def worked_through(run: CategoryChange) -> CategoryChange:
    category_changes.work(run.pk)
    run.refresh_from_db()
    return run


def test_no_policy_is_published_for_a_category_that_is_being_merged_away(merge: CategoryChange) -> None:
    with pytest.raises(policies.PolicyError, match="being merged into Kids"):
        factories.make_policy(at("Baby"), accept_at=0.95)
    factories.make_policy(at("Kids"), accept_at=0.95)
    assert worked_through(merge).status == "done" and "Baby" not in paths()


def test_a_merge_ends_where_versions_were_published_for_what_should_go(merge: CategoryChange) -> None:
    PolicyVersion.objects.create(category=at("Baby"), number=1, **policies.values_of(policies.published(None)))
    run = worked_through(merge)
    assert (run.status, run.skus_moved, run.category) == ("done", 2, at("Baby"))


def test_what_an_unfinished_merge_names_is_not_deleted(admin: User, merge: CategoryChange) -> None:
    with pytest.raises(CategoryError, match="still being worked through"):
        category_tree.delete(category=at("Kids"), user=admin)
    assert (worked_through(merge).status, SKU.objects.filter(category=at("Kids")).count()) == ("done", 2)


def test_below_or_of_a_category_that_was_just_deleted_nothing_is_done(admin: User) -> None:
    gone = factories.make_category("Baby")
    category_tree.delete(category=at("Baby"), user=admin)
    for act in (
        lambda: category_tree.add(parent=gone, name="Strollers", user=admin),
        lambda: category_tree.delete(category=gone, user=admin),
    ):
        with pytest.raises(CategoryError, match="changed meanwhile"):
            act()
    with pytest.raises(policies.PolicyError, match="no category “Baby”"):
        factories.make_policy(gone)


def test_a_category_moved_meanwhile_inherits_from_its_new_parent(admin: User) -> None:
    for path, instruction in (("Old", "One?"), ("New", "Two?"), ("Old > Kettles", "Three?")):
        factories.make_policy(factories.make_category(path), instruction=instruction)
    finish_rollouts()
    seen = at("Old > Kettles")
    category_tree.apply(category_tree.plan_move(seen, at("New")), user=admin)
    assert policies.inherit(category=seen, author=admin).instruction == "Two?"


def test_a_feed_that_names_an_old_path_finds_the_category(admin: User) -> None:
    factories.make_category("Baby > Prams > Twin"), factories.make_category("Infants")
    category_tree.apply(category_tree.plan_move(at("Baby > Prams"), at("Infants")), user=admin)
    found = catalogue.get_category("Baby > Prams > Twin > Red", create=True)
    assert found is not None and found.path == "Infants > Prams > Twin > Red"
    category_tree.apply(category_tree.plan_merge(at("Baby"), at("Infants")), user=admin)
    assert catalogue.get_category("Baby") == at("Infants")
    made = category_tree.add(parent=at(""), name="Baby", user=admin)
    assert catalogue.get_category("Baby") == made, "what is there comes before what was"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: category_tree.plan_move(at("Baby"), at("Baby > Strollers")), "below itself"),
        (lambda: category_tree.plan_move(at("Baby"), at("")), "there already"),
        (lambda: category_tree.plan_move(at("Kitchen > Strollers"), at("Baby")), "can be merged"),
        (lambda: category_tree.plan_rename(at("Kitchen"), "Baby"), "can be merged"),
        (lambda: category_tree.plan_rename(at(""), "All"), "root"),
        (lambda: category_tree.plan_rename(at("Baby"), "a > b"), "cannot hold"),
        (lambda: category_tree.plan_rename(at("Baby"), " "), "Give it a name"),
        (lambda: category_tree.plan_rename(at("Baby"), "x" * 201), "at most 200"),
        (
            lambda: category_tree.plan_rename(factories.make_category(f"{'婴' * 200} > {'儿' * 200} > {'床' * 200} > Toys"), "𠀀" * 200),
            "2,600 bytes",
        ),
        (lambda: category_tree.plan_merge(at("Kitchen"), at("Baby")), "merge those two first"),
        (lambda: category_tree.plan_merge(at("Baby"), at("Baby > Strollers")), "one below it"),
        (lambda: category_tree.plan_merge(at("Toys"), at("Baby")), "policy versions of its own"),
    ],
)
def test_what_cannot_be_is_refused_in_words(act: object, words: str) -> None:
    for path in ("Baby > Strollers", "Kitchen > Strollers", "Toys"):
        factories.make_category(path)
    factories.make_policy(at("Toys"), instruction="Same toy?")
    with pytest.raises(CategoryError, match=words):
        act()  # type: ignore[operator]


def test_only_an_empty_category_that_nothing_refers_to_is_deleted(admin: User) -> None:
    pair_in("Baby > Strollers")
    factories.make_policy(factories.make_category("Toys"), instruction="Same toy?")
    factories.make_reviewer("lin").categories.add(factories.make_category("Lamps"))
    factories.make_category("Empty")
    for path, words in (
        ("Baby", "below it"),
        ("Baby > Strollers", "holds listings"),
        ("Toys", "policy versions"),
        ("Lamps", "lin"),
        ("", "root"),
    ):
        with pytest.raises(CategoryError, match=words):
            category_tree.delete(category=at(path), user=admin)
    category_tree.delete(category=at("Empty"), user=admin)
    assert "Empty" not in paths()


def test_one_change_at_a_time_and_none_while_a_policy_is_applied(admin: User) -> None:
    pair_in("Baby")
    factories.make_policy(instruction="Another?")
    with pytest.raises(CategoryError, match="policy is still"):
        category_tree.apply(category_tree.plan_rename(at("Baby"), "Infants"), user=admin)
    finish_rollouts()
    CategoryChange.objects.create(kind="rename", before="a", after="b", status="running")
    with pytest.raises(CategoryError, match="Another change"):
        category_tree.apply(category_tree.plan_rename(at("Baby"), "Infants"), user=admin)


def test_a_plan_that_was_shown_before_another_change_is_refused(admin: User) -> None:
    factories.make_category("Baby > Prams")
    stale = category_tree.plan_rename(at("Baby > Prams"), "Buggies")
    category_tree.apply(category_tree.plan_rename(at("Baby"), "Infants"), user=admin)
    with pytest.raises(CategoryError, match="changed meanwhile"):
        category_tree.apply(stale, user=admin)


def test_candidates_of_a_merged_category_stay_built(admin: User) -> None:
    pair_in("Prams")
    factories.make_category("Strollers")
    run = candidate_runs.CandidateRun.objects.create(k=3, category=at("Prams"))
    category_tree.apply(category_tree.plan_merge(at("Prams"), at("Strollers")), user=admin)
    run.refresh_from_db()
    assert run.category == at("Strollers")


NAMES = st.sampled_from("abcd")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "rename", "move", "merge", "delete"]), st.integers(0, 9), st.integers(0, 9), NAMES), max_size=12
    )
)
def test_whatever_is_done_every_path_is_its_parents_and_every_listing_has_a_place(
    steps: list[tuple[str, int, int, str]], admin: User
) -> None:
    for act, one, other, name in steps:
        rows = list(Category.objects.order_by("pk"))
        category, target = rows[one % len(rows)], rows[other % len(rows)]
        try:
            if act == "add":
                made = category_tree.add(parent=category, name=name, user=admin)
                factories.make_sku(category=made)
            elif act == "delete":
                category_tree.delete(category=category, user=admin)
            elif act == "rename":
                category_tree.apply(category_tree.plan_rename(category, name), user=admin)
            else:
                plan = category_tree.plan_move if act == "move" else category_tree.plan_merge
                category_tree.apply(plan(category, target), user=admin)
        except CategoryError:
            continue
        whole_tree_holds()
    assert not SKU.objects.filter(category=None).exists()
    assert not set(CategoryAlias.objects.values_list("path", flat=True)) & paths()
    SKU.objects.all().delete()
    CategoryAlias.objects.all().delete()
    CategoryChange.objects.all().delete()
    for category in sorted(Category.objects.exclude(path=""), key=lambda c: -len(c.path.split(" > "))):
        category.delete()
