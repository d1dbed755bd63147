"""The shapes of answers, and what may stand in an address, for the schema and the programs made from it. No request runs these."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, inline_serializer
from rest_framework import serializers
from rest_framework.serializers import (
    BooleanField,
    CharField,
    ChoiceField,
    DateTimeField,
    DictField,
    FloatField,
    IntegerField,
    ListField,
    URLField,
    UUIDField,
)

from alignment import models
from alignment.api.pagination import DEFAULT_SIZE, LARGEST_SIZE

Shape = serializers.Serializer[Any]
SetStatus, RunStatus = models.CandidateSet.Status, models.Run.Status
STREAMS = ["json", "csv", "ndjson"]
# By name: type, what it is, and the values that there are.
PARAMETERS: dict[str, tuple[Any, str, list[str] | None]] = {
    "limit": (int, f"Rows of a page, 1 to {LARGEST_SIZE}; {DEFAULT_SIZE} where it is not given", None),
    "cursor": (str, "Stands in the address that `next` gives", None),
    "since": (int, "A log position: what came after it", None),
    "changed_since": (int, "A log position: what changed after it", None),
    "as": (str, "csv and ndjson stream all groups", STREAMS),
    "category": (str, "A path such as Baby > Strollers; what is below it counts", None),
    "language": (str, "A code such as zh", None),
    "source": (str, "A source's name", None),
    "external_id": (str, "A SKU's id at its source", None),
    "status": (str, "Sets that stand in it", list(models.CandidateSet.Status.values)),
}


def parameters(names: Any, *, required: bool = False) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(name, of, required=required, description=what, enum=values)
        for name in names
        for of, what, values in [PARAMETERS[name]]
    ]


def page(name: str, of: type[Shape], **more: Any) -> Shape:
    """A page of rows."""
    following = URLField(allow_null=True, help_text="The address of the next page; null after the last")
    return inline_serializer(name, {**more, "results": of(many=True), "next": following})


def position() -> IntegerField:
    return IntegerField(help_text="The log position that every page of a walk states")


class Member(Shape):
    sku = UUIDField()
    source = CharField()  # type: ignore[assignment]
    external_id = CharField()
    language = CharField()
    title = CharField()
    category = CharField()
    gtin = CharField()
    delisted = BooleanField()
    confirmed_by = inline_serializer(
        "Confirmation",
        {
            "decision": IntegerField(),
            "by": ChoiceField(models.Decision.By.choices),
            "score": FloatField(allow_null=True),
            "with": UUIDField(),
        },
        many=True,
    )


class Group(Shape):
    id = UUIDField()
    name = CharField()
    position = IntegerField()
    aliases = ListField(child=UUIDField())
    members = Member(many=True)


class OneGroup(Group):
    log_position = IntegerField()
    merged = BooleanField(help_text="The id asked for was merged into this group")


class GroupOfSku(Group):
    id = UUIDField(allow_null=True)
    name = CharField(allow_null=True)
    position = IntegerField(allow_null=True)
    log_position = IntegerField()


class Change(Shape):
    position = IntegerField()
    group = UUIDField()
    kind = ChoiceField(models.GroupChange.Kind.choices)
    into = UUIDField(allow_null=True)
    added = ListField(child=UUIDField())
    removed = ListField(child=UUIDField())


class Sku(Shape):
    sku = UUIDField()
    source = CharField()  # type: ignore[assignment]
    external_id = CharField()
    language = CharField()
    language_origin = ChoiceField(models.SKU.LanguageOrigin.choices)
    title = CharField()
    description = CharField()
    attributes = DictField(child=CharField())
    gtin = CharField()
    url = CharField()
    image_url = CharField()
    category = CharField()
    delisted = BooleanField()
    updated_at = DateTimeField()


class CandidateSet(Shape):
    id = UUIDField()
    status = ChoiceField(SetStatus.choices)
    origin = ChoiceField(models.CandidateSet.Origin.choices)
    interactive = BooleanField()
    error = CharField()
    query = UUIDField()
    category = CharField()
    created_at = DateTimeField()
    scored_at = DateTimeField(allow_null=True)


class Score(Shape):
    probability = FloatField()
    logit = FloatField()
    tokens_read = IntegerField()
    tokens_cut = IntegerField()
    model = CharField()
    demo_model = BooleanField()


class Candidate(Shape):
    sku = UUIDField()
    source = CharField()  # type: ignore[assignment]
    external_id = CharField()
    title = CharField()
    rank = IntegerField()
    retrieval_score = FloatField(allow_null=True)
    score = Score(allow_null=True)
    route = ChoiceField(models.Pair.Route.choices)
    guard = ListField(child=CharField())
    verdict = ChoiceField(models.Decision.Verdict.choices, allow_null=True)
    by = ChoiceField(models.Decision.By.choices, allow_null=True)


class OneCandidateSet(CandidateSet):
    candidates = Candidate(many=True)


class Decision(Shape):
    position = IntegerField()
    left = UUIDField()
    right = UUIDField()
    verdict = ChoiceField(models.Decision.Verdict.choices)
    by = ChoiceField(models.Decision.By.choices)
    actor = UUIDField(allow_null=True)
    withdraws = IntegerField(allow_null=True)
    score = FloatField(allow_null=True)
    reverse_score = FloatField(allow_null=True)
    model = CharField(allow_null=True)
    policy = CharField(allow_null=True)
    seconds = FloatField(allow_null=True)
    left_hash = CharField()
    right_hash = CharField()
    reason = CharField()
    reject_reason = CharField()
    act = UUIDField(allow_null=True)
    created_at = DateTimeField()


class Policy(Shape):
    category = CharField()
    version = IntegerField()
    inherited_from = CharField(allow_null=True)
    instruction = CharField()
    accept_at = FloatField()
    review_at = FloatField()
    guards = ListField(child=CharField())
    blind = BooleanField()
    reasons = ChoiceField(models.PolicyVersion.Reasons.choices)
    order = ChoiceField(models.PolicyVersion.Order.choices)
    priority = IntegerField()
    due_hours = IntegerField(allow_null=True)
    second_share = FloatField()
    second_unsure = BooleanField()
    check_share = FloatField()
    published_at = DateTimeField()


class Import(Shape):
    id = UUIDField()
    source = CharField()  # type: ignore[assignment]
    file = CharField()
    status = ChoiceField(RunStatus.choices)
    error = CharField()
    rows = IntegerField()
    created = IntegerField()
    updated = IntegerField()
    unchanged = IntegerField()
    delisted = IntegerField()
    in_error = IntegerField()


class RowError(Shape):
    line = IntegerField()
    column = CharField()
    reason = CharField()
    value = CharField()


class OneImport(Import):
    errors = RowError(many=True, help_text="The first thousand")  # type: ignore[assignment]


class Ranked(Shape):
    index = IntegerField()
    relevance_score = FloatField()
    tokens_read = IntegerField()
    tokens_cut = IntegerField()
    document = inline_serializer("DocumentText", {"text": CharField()}, required=False)


class Reranked(Shape):
    id = UUIDField()
    model = CharField()
    usage = inline_serializer("Usage", {"total_tokens": IntegerField()})
    results = Ranked(many=True)


class CohereReranked(Shape):
    id = UUIDField()
    results = inline_serializer("CohereRanked", {"index": IntegerField(), "relevance_score": FloatField()}, many=True)
    meta = DictField()


PROBLEM = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "fields": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    },
}
HEALTH = inline_serializer("Health", {"ok": BooleanField()})
GROUPS = {
    (200, "application/json"): page("GroupPage", Group, position=position()),
    (200, "text/csv"): OpenApiTypes.STR,
    (200, "application/x-ndjson"): OpenApiTypes.STR,
}
CHANGES = page("ChangePage", Change, position=position())
SKUS = page("SkuPage", Sku)
SETS = page("CandidateSetPage", CandidateSet)
DECISIONS = page("DecisionPage", Decision, position=position())
POLICIES = page("PolicyPage", Policy)
IMPORTS = page("ImportPage", Import)


def with_problems(result: dict[str, Any], generator: Any, **_more: Any) -> dict[str, Any]:
    """A hook of the schema: every operation may answer with a problem."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = {"description": "What is wrong", "content": content}
    return result
