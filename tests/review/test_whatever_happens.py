"""Whatever reviewers, an admin and the clock do, in any order: no listing is in two hands, and no verdict is lost in silence."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from alignment import decisions, groups, implied
from alignment.models import Decision, Membership, Pair, User
from review import cases, leases
from review.models import HeldSKU, Lease
from tests import factories

pytestmark = pytest.mark.django_db
people = st.integers(0, 2)
verdicts = st.sampled_from(["accept", "reject", "unsure"])
ROUNDS, STEPS = 20, 40


class Reviewing(RuleBasedStateMachine):
    """Two reviewers and an admin, who is at the escalated pairs as often as at the others, over a few cases that share listings."""

    users: list[User]
    queries: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.clients: list[Client] = []
        # What each person's page shows: form fields by pair, as it was drawn, however long ago.
        self.pages: list[dict[int, dict[str, Any]]] = [{}, {}, {}]

    def teardown(self) -> None:
        assert decisions.verify() == [] and groups.verify() == [] and implied.verify() == []
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @initialize()
    def sign_in(self) -> None:
        for user in self.users:
            client = Client(headers={"Accept": "application/json"})
            client.force_login(user)
            self.clients.append(client)

    @rule(who=people, escalated=st.booleans(), query=st.none() | st.integers(0, 5))
    def takes_a_case(self, who: int, escalated: bool, query: int | None) -> None:
        escalated = escalated and who == 2
        wanted = None if query is None else self.queries[query]
        self.draw(who, leases.take_case(self.users[who], escalated=escalated, query_id=wanted), escalated=escalated)

    @rule(who=people)
    def looks_ahead(self, who: int) -> None:
        had = Lease.objects.filter(reviewer=self.users[who]).exists()
        ahead = factories.take_ahead(self.users[who])
        assert had or ahead is None
        if ahead:
            self.check_held(ahead)

    @rule(who=people)
    def is_still_there(self, who: int) -> None:
        held = Lease.objects.filter(reviewer=self.users[who]).count()
        assert leases.renew(self.users[who]) == held

    @rule(who=people)
    def gives_back(self, who: int) -> None:
        leases.release(self.users[who])
        assert not Lease.objects.filter(reviewer=self.users[who]).exists()

    @rule(who=people, other=people, verdict=verdicts)
    def presses_when_somebody_else_came_meanwhile(self, who: int, other: int, verdict: str) -> None:
        held = Lease.objects.filter(reviewer=self.users[who], ahead=False).first()
        if held is None or who == other:
            self.draw(who, leases.take_case(self.users[who]), escalated=False)
            return
        Lease.objects.filter(reviewer=self.users[who]).update(expires_at=timezone.now())
        self.draw(other, leases.take_case(self.users[other], query_id=held.query_id), escalated=False)
        self.press(who, 0, verdict, times=1)

    @rule(seconds=st.sampled_from([30, 80, 130]))
    def time_passes(self, seconds: int) -> None:
        Lease.objects.update(expires_at=F("expires_at") - timedelta(seconds=seconds))

    @rule()
    def expired_holds_are_swept(self) -> None:
        alive = set(Lease.objects.filter(expires_at__gt=timezone.now()).values_list("pk", flat=True))
        with transaction.atomic():
            leases.sweep()
        assert set(Lease.objects.values_list("pk", flat=True)) == alive

    @precondition(lambda self: Lease.objects.exists())
    @rule(place=st.integers(0, 5))
    def an_admin_frees_one(self, place: int) -> None:
        held = list(Lease.objects.order_by("pk"))
        freed = held[place % len(held)]
        assert leases.free(lease=freed.uuid, user=self.users[2]) == freed.reviewer.get_username()
        assert leases.free(lease=freed.uuid, user=self.users[2]) == ""

    @rule(who=people, place=st.integers(0, 9), verdict=verdicts, twice=st.booleans())
    def presses(self, who: int, place: int, verdict: str, twice: bool) -> None:
        self.press(who, place, verdict, times=1 + twice)

    def press(self, who: int, place: int, verdict: str, *, times: int) -> None:
        """On what the page shows, drawn just now or long ago: the press is kept, once, or its maker is told why not."""
        page = self.pages[who]
        if not page:
            self.draw(who, leases.take_case(self.users[who]), escalated=False)
            return
        form = page[sorted(page)[place % len(page)]] | {"verdict": verdict, "request_id": str(uuid.uuid4())}
        others = HeldSKU.objects.exclude(lease__reviewer=self.users[who]).filter(lease__expires_at__gt=timezone.now())
        pair = Pair.objects.get(pk=form["pair"])
        elsewhere = others.filter(sku__in=[pair.left_id, pair.right_id]).exists()
        before = Decision.objects.filter(by="person").count()
        for _ in range(times):
            answer = self.clients[who].post(reverse("decide"), form)
            told, logged = answer.json(), Decision.objects.filter(request_id=form["request_id"]).count()
            assert (told["kept"], answer.status_code == 200, bool(told["why"])) == (logged == 1, logged == 1, logged == 0)
            assert Decision.objects.filter(by="person").count() == before + logged
            assert not (elsewhere and told["kept"]), "nobody decides what somebody else has in hand"

    @rule(who=people)
    def takes_back(self, who: int) -> None:
        self.clients[who].post(reverse("undo"))

    @invariant()
    def nobody_holds_more_than_one_case_and_one_ahead(self) -> None:
        held = list(Lease.objects.values_list("reviewer", "ahead"))
        assert len(held) == len(set(held))

    @invariant()
    def a_case_in_hand_is_in_no_other_hand(self) -> None:
        """Its open pairs' listings and all of one group with them are its own, or nobody's: an undo may have brought them together."""
        holders = dict(HeldSKU.objects.values_list("sku", "lease"))
        for lease in Lease.objects.all():
            own = {sku for sku, holder in holders.items() if holder == lease.pk}
            pairs = Pair.objects.filter(query=lease.query_id, in_review=True, left__in=own, right__in=own)
            skus = {sku for pair in pairs for sku in (pair.left_id, pair.right_id)}
            joined = Membership.objects.filter(sku__in=skus, group__isnull=False).values("group")
            for sku in Membership.objects.filter(group__in=joined).values_list("sku", flat=True):
                assert holders.get(sku, lease.pk) == lease.pk

    def draw(self, who: int, case: leases.Case | None, *, escalated: bool) -> None:
        self.pages[who] = {}
        if case is None:
            return
        self.check_held(case)
        for pair in case.pairs:
            seen = {"seen": cases.seen(self.users[who], pair), "seen_standing": pair.standing_id or ""}
            self.pages[who][pair.pk] = {"pair": pair.pk, "seconds": "2", "escalated": "1" if escalated else ""} | seen

    def check_held(self, case: leases.Case) -> None:
        """The whole neighbourhood of what is shown: both listings of each pair, and all of one group with them."""
        held = set(HeldSKU.objects.filter(lease=case.lease).values_list("sku", flat=True))
        assert case.pairs and all({pair.left_id, pair.right_id} <= held and pair.in_review for pair in case.pairs)
        skus = {sku for pair in case.pairs for sku in (pair.left_id, pair.right_id)}
        joined = Membership.objects.filter(sku__in=skus, group__isnull=False).values("group")
        assert set(Membership.objects.filter(group__in=joined).values_list("sku", flat=True)) <= held


def test_no_listing_is_in_two_hands_and_no_verdict_is_lost_in_silence() -> None:
    factories.make_review_policy(second_share=0.5)
    skus = [factories.make_sku() for _ in range(9)]
    queries = skus[:6]
    for place, query in enumerate(queries):
        factories.make_set(query, [skus[(place + step) % 9] for step in (1, 3 + place % 2)])
    factories.score_waiting_sets(0.8)
    factories.make_pair(0.95, left=skus[0], right=factories.make_sku())
    machine = type(
        "Machine",
        (Reviewing,),
        {"users": [factories.make_reviewer(), factories.make_reviewer(), factories.make_admin()], "queries": [sku.pk for sku in queries]},
    )
    quiet = list(HealthCheck)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=ROUNDS, stateful_step_count=STEPS, deadline=None, suppress_health_check=quiet)
    )
