"""What a million open pairs lack to be a shop's database after a quarter: what was decided, and all that goes with it.

As many decided pairs as there are open ones, most of them by 200 people over 90 days, with takings back, opinions, bulk acts, notes and
conflicts; the groups that follow from them; acts of admins; runs; and what the periodic tasks count. The log holds together as the product
would have written it.
"""

from __future__ import annotations

import random
import uuid
from array import array
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bench import open_pairs

PEOPLE, ADMINS, DAYS = 200, 5, 90
EVENTS, RUNS, ROW_ERRORS, REQUESTS, KNOWN, ACTS, AN_ACT = 20_000, 3_000, 100_000, 5_000, 400, 20, 500
NOTE = "Another size, as the second picture says."
ACTIONS = ("publish policy", "correct language", "retry scoring", "free case", "change person", "rename category", "create token")
Row = dict[str, Any]


def made(number: int) -> uuid.UUID:
    return uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4)


def copy(model: Any, rows: Iterator[Row]) -> None:
    """Rows whose ids are the next ones of their table."""
    from django.db.models import Max

    next_id = (model.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    open_pairs.copy(model, ({"id": number} | row for number, row in enumerate(rows, next_id)))


class Past:
    """`queries` cases as `bench.open_pairs` makes them: query q has the SKUs 3q + 1, 3q + 2 and 3q + 3.

    Whatever is decided here joins or keeps apart SKUs of cases that lie far from each other, so that it answers no open pair.
    """

    def __init__(self) -> None:
        from django.utils import timezone

        from alignment import rendering
        from alignment.models import Category, Pair, PolicyVersion, ScoringModel, Source, User

        self.now = timezone.now()
        self.pairs = Pair.objects.count()
        self.queries = self.pairs // 5
        self.model = ScoringModel.objects.latest("pk").pk
        self.note_hash = rendering.hash_text(NOTE)
        self.categories = list(Category.objects.filter(parent__parent__path="", parent__parent__isnull=False).order_by("pk"))
        policies: dict[int | None, int] = {
            policy.category_id: policy.pk for policy in PolicyVersion.objects.filter(category__parent__path="")
        }
        self.policies = [policies[category.parent_id] for category in self.categories]
        self.sources = list(Source.objects.order_by("pk"))
        roles = [User.Role.ADMIN] * ADMINS + [User.Role.REVIEWER] * (PEOPLE - ADMINS)
        self.users = [User.objects.create_user(f"person{number}", role=role) for number, role in enumerate(roles)]

    def fill(self) -> None:
        from alignment import search
        from alignment.models import Actor, Candidate, Score, SearchText
        from review import figures, queue_counts

        if not SearchText.objects.exists():
            for _done in search.rebuild():
                pass
        self.actors = [actor.uuid for actor in Actor.objects.bulk_create(Actor(user=user) for user in self.users)]
        copy(Candidate, self.candidates())
        copy(Score, self.scores())
        self.log()
        self.groups()
        self.opinions()
        self.acts_of_admins()
        self.runs()
        self.checks()
        self.listings()
        self.days()
        queue_counts.count()
        figures.count()

    def log(self) -> None:
        from django.db import transaction

        from alignment.models import Conflict, Decision, Note, Pair

        # What stands on each pair: its only verdict, where that was not taken back.
        self.standing = array("q", bytes(8 * (2 * self.pairs + 1)))
        for row in self.decisions():
            self.standing[row["pair_id"]] = row["id"] if row["verdict"] != "withdraw" else 0
        with transaction.atomic():
            open_pairs.copy(Pair, self.decided_pairs())
            open_pairs.copy(Decision, self.decisions())
        copy(Note, ({"decision_id": row["id"], "text": NOTE} for row in self.decisions() if row.get("note_hash")))
        conflicts = (
            (row["id"], row["pair_id"]) for row in self.decisions() if row["verdict"] == "accept" and self.conflicts(row["pair_id"])
        )
        copy(Conflict, ({"decision_id": decision, "pair_id": pair} for decision, pair in conflicts))

    def groups(self) -> None:
        from alignment.models import Group, GroupChange, Membership

        accepts = (row for row in self.decisions() if row["verdict"] == "accept" and not self.conflicts(row["pair_id"]))
        joins = [(row["id"], sorted(self.edge(row["pair_id"] - self.pairs - 1))) for row in accepts]
        copy(Group, ({"uuid": made(at), "born_at": at, "changed_at": at, "size": 2} for at, _both in joins))
        places = list(enumerate(joins, 1))
        copy(Membership, ({"sku_id": sku, "home_id": group, "group_id": group} for group, (_at, both) in places for sku in both))
        copy(GroupChange, ({"decision_id": at, "group_id": group, "kind": "created", "added": both} for group, (at, both) in places))

    def conflicts(self, pair: int) -> bool:
        """Whether a decided pair lies between two groups that an earlier reject keeps apart, and was accepted all the same."""
        query, kind = divmod(pair - self.pairs - 1, 5)
        return kind == 3 and query % 100 == 51

    def candidates(self) -> Iterator[Row]:
        for number, (query, sku, other) in enumerate(open_pairs.edges(self.queries), 1):
            yield {"set_id": query + 1, "query_id": sku, "sku_id": other, "rank": (number - 1) % 5, "score_id": number}

    def edge(self, number: int) -> tuple[int, int]:
        """The SKUs of one decided pair, the query first."""
        query, kind = divmod(number, 5)
        if kind == 0:
            return self.sku(query, 1), self.sku(query + 50, 2)
        if kind == 1:
            return self.sku(query, 3), self.sku(query + self.queries // 2, 3) if self.automatic(number) else self.sku(query + 7000, 1)
        if kind == 2:
            return self.sku(query, 1), self.sku(query + 1000, 2)
        if kind == 3:
            return self.sku(query, 2), self.sku(query + 2950, 3)
        return self.sku(query, 1), self.sku(query + 3000, 3)

    def automatic(self, number: int) -> bool:
        """Whether a policy accepted this decided pair. The third SKU of every second case stays alone."""
        query, kind = divmod(number, 5)
        return kind == 1 and query < self.queries // 2 and query % 2 == 0

    def sku(self, query: int, place: int) -> int:
        return 3 * (query % self.queries) + place

    def probability(self, number: int) -> float:
        share = ((number * 2654435761) % 2**32) / 2**32
        return 0.9 + 0.1 * share if self.automatic(number) else 0.7 + 0.2 * share

    def scores(self) -> Iterator[Row]:
        for number in range(self.pairs):
            query, document = self.edge(number)
            yield {
                "id": self.pairs + 1 + number,
                "model_id": self.model,
                "instruction_hash": "0" * 64,
                "query_hash": f"{query:064x}",
                "document_hash": f"{document:064x}",
                "probability": self.probability(number),
                "logit": 1.5,
                "tokens_read": 60,
            }

    def decided_pairs(self) -> Iterator[Row]:
        for number in range(self.pairs):
            query, other = self.edge(number)
            place = (query - 1) // 3 % len(self.categories)
            yield {
                "id": self.pairs + 1 + number,
                "left_id": min(query, other),
                "right_id": max(query, other),
                "query_id": query,
                "category_id": self.categories[place].pk,
                "route": "accept" if self.automatic(number) else "review" if self.standing[self.pairs + 1 + number] else "discard",
                "score_id": self.pairs + 1 + number,
                "policy_id": self.policies[place],
                "standing_id": self.standing[self.pairs + 1 + number] or None,
                "languages": open_pairs.languages(query, other),
            }

    def decisions(self) -> Iterator[Row]:
        """The log. What is said of an open pair, a second opinion or that nobody is sure, comes in between."""
        position, step = 0, timedelta(days=DAYS) / (1.04 * self.pairs)
        chance = random.Random(1)
        for number in range(self.pairs):
            for row in self.verdicts(number, self.pairs + 1 + number, chance):
                position += 1
                query, other = self.edge(number) if row["pair_id"] > self.pairs else self.open_edge(row["pair_id"])
                yield {
                    "id": position,
                    "by": "person" if row.get("actor") else "policy",
                    "actor": None,
                    "policy_id": self.policies[(query - 1) // 3 % len(self.categories)],
                    "model_id": self.model,
                    "score": self.probability(number),
                    "left_hash": f"{min(query, other):064x}",
                    "right_hash": f"{max(query, other):064x}",
                    "seconds": chance.uniform(1, 30) if row.get("actor") else None,
                    "created_at": self.now - timedelta(days=DAYS) + position * step,
                    "withdraws_id": position - 1 if row["verdict"] == "withdraw" else None,
                } | row

    def open_edge(self, pair: int) -> tuple[int, int]:
        query, near = divmod(pair - 1, 5)
        return self.sku(query, 1), self.sku(query + near // 2, 2 + near % 2)

    def verdicts(self, number: int, pair: int, chance: random.Random) -> Iterator[Row]:
        one, other = chance.sample(self.actors, 2)
        query, kind = divmod(number, 5)
        if self.automatic(number):
            yield {"pair_id": pair, "verdict": "accept"}
        elif kind == 0 or self.conflicts(pair):
            yield {"pair_id": pair, "verdict": "accept", "actor": one}
        elif kind == 4 and query < ACTS * AN_ACT:
            yield {"pair_id": pair, "verdict": "reject", "actor": self.actors[0], "act": made(query // AN_ACT), "reason": "bulk"}
        elif kind == 2 and query % 40 == 0:
            yield {"pair_id": pair, "verdict": "reject", "actor": one, "note_hash": self.note_hash}
        else:
            yield {"pair_id": pair, "verdict": "reject", "actor": one, "reject_reason": ("", "", "size", "model")[number % 4]}
        if kind == 2 and query % 50 == 3:
            yield {"pair_id": pair, "verdict": "withdraw", "actor": one}
        opened = number + 1
        if opened % 100 == 3:
            yield {"pair_id": opened, "verdict": "reject", "actor": one}
        elif opened % 200 == 7:
            yield {"pair_id": opened, "verdict": "unsure", "actor": one}
            yield {"pair_id": opened, "verdict": "unsure", "actor": other}
        elif opened % 400 == 11:
            yield {"pair_id": opened, "verdict": "reject", "actor": one}
            yield {"pair_id": opened, "verdict": "unsure", "actor": other, "reason": "second opinion"}

    def opinions(self) -> None:
        """What the log's verdicts on open pairs left them with."""
        stages = {"second": "d.pair_id %% 100 = 3", "escalated": "d.pair_id %% 200 = 7", "adjudication": "d.pair_id %% 400 = 11"}
        stands = {"second": "max", "escalated": "max", "adjudication": "min"}
        for stage, which in stages.items():
            run(
                f"UPDATE alignment_pair SET stage = %s, standing_id = said.id FROM (SELECT pair_id, {stands[stage]}(id) AS id "  # noqa: S608
                f"FROM alignment_decision d WHERE {which} AND pair_id <= %s GROUP BY pair_id) said WHERE alignment_pair.id = said.pair_id",
                [stage, self.pairs],
            )

    def acts_of_admins(self) -> None:
        from alignment.models import SKU, AuditEvent

        names = [str(name) for name in SKU.objects.order_by("pk").values_list("uuid", flat=True)[:1000]]
        step = timedelta(days=DAYS) / EVENTS
        copy(
            AuditEvent,
            (
                {
                    "actor": self.actors[number % ADMINS],
                    "action": (action := ACTIONS[number % len(ACTIONS)]),
                    "subject": names[number % 1000] if action == "correct language" else self.categories[number % 200].path,
                    "detail": {"from": "en", "to": "de"} if action == "correct language" else {},
                    "created_at": self.now - timedelta(days=DAYS) + number * step,
                }
                for number in range(EVENTS)
            ),
        )
        bulk = {"verdict": "reject", "pairs": AN_ACT, "settled": 0}
        acts = ({"actor": self.actors[0], "action": "decide in bulk", "subject": f"act {made(act)}", "detail": bulk} for act in range(ACTS))
        copy(AuditEvent, ({"created_at": self.now - timedelta(days=ACTS)} | act for act in acts))

    def runs(self) -> None:
        from alignment.models import CandidateRun, EvaluationRun, ExportRun, ImportRun, RerankRequest, RowError, ScoringRun

        kinds: dict[Any, Row] = {
            ImportRun: {"file_name": "offers.csv", "source_id": self.sources[0].pk, "rows_read": 900, "error_count": 3},
            CandidateRun: {"k": 5, "skus": 900, "skus_done": 900},
            EvaluationRun: {"name": "known.jsonl", "stored_path": "", "sets": 9, "sets_done": 9},
            ExportRun: {"format": "csv", "groups": 900, "groups_done": 900},
            ScoringRun: {"kind": "candidates", "sets": 900, "sets_done": 900},
        }
        for place, (model, fields) in enumerate(kinds.items()):
            copy(model, (self.run(number, place) | fields for number in range(RUNS)))
        run = ImportRun.objects.latest("pk").pk
        copy(RowError, ({"run_id": run, "line": line, "reason": "The title is empty."} for line in range(1, ROW_ERRORS + 1)))
        asked = {"instruction": "Is it the same product?", "query": "kettle", "documents": ["kettle", "lid"], "status": "answered"}
        answered = {"answers": [[1.0, 0.73, 60, 0], [-1.0, 0.27, 60, 0]], "model_id": self.model}
        owners = ({"owner_id": self.actors[number % PEOPLE], "shared": True} for number in range(REQUESTS))
        copy(RerankRequest, ({"created_at": self.now, "finished_at": self.now} | asked | answered | owner for owner in owners))

    def run(self, number: int, place: int) -> Row:
        at = self.now - timedelta(days=DAYS) * (1 - number / RUNS) + timedelta(minutes=place)
        status = "failed" if number % 50 == 0 else "cancelled" if number % 50 == 1 else "done"
        times = {"created_at": at, "started_at": at, "seen_at": at, "finished_at": at + timedelta(minutes=4)}
        return {"status": status, "author_id": self.users[number % ADMINS].pk} | times

    def checks(self) -> None:
        from review.models import CheckAnswer, KnownPair

        known = range(self.pairs + 1 + 4, self.pairs + 1 + 5 * KNOWN, 5)
        copy(KnownPair, ({"pair_id": pair, "verdict": "reject", "author_id": self.users[0].pk} for pair in known))
        asked = [
            (one, user) for place, one in enumerate(KnownPair.objects.values_list("pk", flat=True)) for user in self.users[place % 8 :: 8]
        ]
        rights = ("reject", "reject", "reject", "accept")
        copy(
            CheckAnswer,
            (
                {
                    "known_id": one,
                    "reviewer_id": user.pk,
                    "verdict": rights[(one + user.pk) % 4],
                    "created_at": self.now - timedelta(days=place % DAYS),
                }
                for place, (one, user) in enumerate(asked)
            ),
        )

    def days(self) -> None:
        """The log counted by day, which takes the periodic task its time when it comes to a million decisions at once."""
        from django.utils import timezone

        from review.models import DecisionDay, Figures

        counted: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0, 0.0])
        last = 0
        for row in self.decisions():
            day = counted[timezone.localtime(row["created_at"]).date(), row["actor"], row["verdict"]]
            day[0] += 1
            day[1] += row["seconds"] or 0.0
            last = row["id"]
        keys = ("day", "actor", "verdict", "decisions", "seconds")
        copy(DecisionDay, (dict(zip(keys, (*key, *counts), strict=True)) for key, counts in counted.items()))
        Figures.objects.create(category=None, position=last, counted_at=self.now - timedelta(days=1))

    def listings(self) -> None:
        """Of every twentieth case the listings have one GTIN; some are no longer sold; some sets failed, some wait."""
        run("UPDATE alignment_sku SET gtin = lpad(((id - 1) / 3)::text, 14, '0') WHERE (id - 1) / 3 % 20 = 0", [])
        run("UPDATE alignment_pair SET same_gtin = true WHERE (left_id - 1) / 3 = (right_id - 1) / 3 AND (left_id - 1) / 3 % 20 = 0", [])
        run("UPDATE alignment_sku SET delisted_at = %s WHERE id %% 97 = 0", [self.now])
        run("UPDATE alignment_candidateset SET status = 'parked', error = 'out of memory', attempts = 3 WHERE id % 400 = 0", [])
        run("UPDATE alignment_candidateset SET status = 'pending', scored_at = NULL WHERE id % 100 = 1", [])


def run(sql: str, values: list[Any]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
