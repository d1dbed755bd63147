"""The API. A view checks, calls the domain and shapes the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView as PlainView

from alignment import catalogue, export, groups, importing, policies
from alignment.api import answers, serializers
from alignment.api.errors import LengthRequired
from alignment.api.negotiation import AsTheAddressSays
from alignment.api.pagination import after, answer, page, stated
from alignment.importing.language import LANGUAGES
from alignment.importing.rows import clean
from alignment.models import (
    SKU,
    Category,
    Decision,
    Group,
    GroupChange,
    ImportRun,
    Source,
    User,
)

STREAMED = {"csv": ("text/csv; charset=utf-8", export.as_csv), "ndjson": ("application/x-ndjson", export.as_ndjson)}
POSITION_HEADER = "X-Log-Position"
PAGES = ("limit", "cursor")


class APIView(PlainView):
    content_negotiation_class = AsTheAddressSays
    # What may stand in the address of a GET.
    takes: Sequence[str] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # The server gives no body on without its length: it would be taken for an empty one.
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            raise LengthRequired
        takes = self.takes if request.method in SAFE_METHODS else ()
        wrong = {}
        for name, values in request.query_params.lists():
            # PostgreSQL stores no NUL, so that nothing that is looked up holds one.
            if any("\x00" in value for value in (name, *values)):
                wrong[name.replace("\x00", "")] = "holds a NUL character"
            elif name not in takes:
                wrong[name] = f"no such parameter; there are {', '.join(takes)}" if takes else "no parameter belongs here"
        if wrong:
            raise ValidationError(wrong)


def filter_category(request: Request) -> str:
    """The path that `category` means now; a category's former path finds it too. "" where it is not asked for. Raises ValidationError."""
    if not (path := request.query_params.get("category", "")):
        return ""
    try:
        found = catalogue.get_category(path)
    except catalogue.CategoryError as error:
        raise ValidationError({"category": str(error)}) from None
    if found is None:
        raise ValidationError({"category": f"there is no category {path!r}"})
    return found.path


def filter_language(request: Request) -> str:
    """A language that is known, or that a SKU is in. Raises ValidationError."""
    code = request.query_params.get("language", "")
    if code and code not in LANGUAGES and code not in catalogue.languages():
        raise ValidationError({"language": f"there is no language {code!r}"})
    return code


def filter_source(request: Request) -> str:
    name = request.query_params.get("source", "")
    if name and not Source.objects.filter(name=name).exists():
        raise ValidationError({"source": f"there is no source {name!r}"})
    return name


class Health(APIView):
    """Whether the web process answers."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes: list[Any] = []

    @extend_schema(operation_id="health", responses=answers.HEALTH)
    def get(self, request: Request) -> Response:
        return Response({"ok": True})


class Groups(APIView):
    """Confirmed groups at a stated log position: JSON pages, or all of them as CSV or NDJSON with ?as=csv or ?as=ndjson."""

    takes = ("as", "category", "language", "source", "changed_since", *PAGES)

    @extend_schema(operation_id="list_groups", parameters=answers.parameters(takes), responses=answers.GROUPS)
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        query = request.query_params
        found = export.groups(
            category=filter_category(request),
            language=filter_language(request),
            source=filter_source(request),
            changed_since=after(request, "changed_since", groups.position()),
        )
        wanted = query.get("as", "json")
        if wanted in STREAMED:
            media, stream = STREAMED[wanted]
            position = groups.position()
            return StreamingHttpResponse(
                stream(found),
                content_type=media,
                headers={
                    POSITION_HEADER: str(position),
                    "Content-Disposition": f'attachment; filename="groups-{position}.{wanted}"',
                },
            )
        if wanted != "json":
            raise ValidationError({"as": "must be json, csv or ndjson"})
        with export.snapshot():
            position = stated(request, groups.position())
            rows, following = page(request, found, position=position)
            rendered = export.render(rows)
        return Response(answer(rendered, following, position=position))


class OneGroup(APIView):
    """One group by its id. The id of a merged group answers with the group its members are in now."""

    @extend_schema(operation_id="get_group", responses=answers.OneGroup)
    def get(self, request: Request, uuid: str) -> Response:
        with export.snapshot():
            asked = get_object_or_404(Group.objects.select_related("merged_into"), uuid=uuid)
            group = groups.survivor(asked)
            if not group.size:
                raise NotFound("This group was dissolved; the change feed says when.")
            body = export.render([group])[0] | {"log_position": groups.position(), "merged": group.pk != asked.pk}
        return Response(body)


class GroupOfSku(APIView):
    """The group of one SKU, by source and external id. A SKU alone has the group null and itself as the only member."""

    takes = ("source", "external_id")

    @extend_schema(operation_id="get_group_of_sku", parameters=answers.parameters(takes, required=True), responses=answers.GroupOfSku)
    def get(self, request: Request) -> Response:
        query = request.query_params
        for name in ("source", "external_id"):
            if not query.get(name):
                raise ValidationError({name: "this parameter is needed"})
        named = SKU.objects.filter(source__name=query["source"], external_id=clean(query["external_id"]))
        sku = named.select_related("source", "category").first()
        if sku is None:
            raise NotFound("There is no such SKU.")
        with export.snapshot():
            position = groups.position()
            group = groups.group_of(sku)
            rendered = export.render([group])[0] if group else None
        alone = {"id": None, "name": None, "position": None, "aliases": [], "members": [export.sku_dict(sku) | {"confirmed_by": []}]}
        return Response((rendered or alone) | {"log_position": position})


class Changes(APIView):
    """The change feed: what happened to groups after a log position, in order."""

    takes = ("since", *PAGES)

    @extend_schema(operation_id="list_changes", parameters=answers.parameters(takes), responses=answers.CHANGES)
    def get(self, request: Request) -> Response:
        now = groups.position()
        position = stated(request, now)
        found = GroupChange.objects.filter(decision__gt=after(request, "since", now), decision__lte=position).select_related(
            "group", "into"
        )
        rows, following = page(request, found, position=position)
        names = dict(SKU.objects.filter(pk__among={sku for row in rows for sku in (*row.added, *row.removed)}).values_list("pk", "uuid"))
        results = [
            {
                "position": row.decision_id,
                "group": str(row.group.uuid),
                "kind": row.kind,
                "into": str(row.into.uuid) if row.into else None,
                "added": [str(names[sku]) for sku in row.added],
                "removed": [str(names[sku]) for sku in row.removed],
            }
            for row in rows
        ]
        return Response(answer(results, following, position=position))


class Skus(APIView):
    """SKUs, by source, external id, language or category."""

    takes = ("source", "language", "category", "external_id", *PAGES)

    @extend_schema(operation_id="list_skus", parameters=answers.parameters(takes), responses=answers.SKUS)
    def get(self, request: Request) -> Response:
        found = SKU.objects.select_related("source", "category")
        asked = {
            "source__name": filter_source(request),
            "language": filter_language(request),
            "external_id": clean(request.query_params.get("external_id", "")),
        }
        found = found.filter(**{field: value for field, value in asked.items() if value})
        if category := filter_category(request):
            found = found.filter(catalogue.under(category))
        rows, following = page(request, found)
        return Response(answer([serializers.sku_out(row) for row in rows], following))


class OneSku(APIView):
    """One SKU by its id."""

    @extend_schema(operation_id="get_sku", responses=answers.Sku)
    def get(self, request: Request, uuid: str) -> Response:
        return Response(serializers.sku_out(get_object_or_404(SKU.objects.select_related("source", "category"), uuid=uuid)))


class Decisions(APIView):
    """The log, in order."""

    takes = ("since", *PAGES)

    @extend_schema(operation_id="list_decisions", parameters=answers.parameters(takes), responses=answers.DECISIONS)
    def get(self, request: Request) -> Response:
        now = groups.position()
        position = stated(request, now)
        found = Decision.objects.filter(pk__gt=after(request, "since", now)).select_related(
            "pair__left", "pair__right", "model", "policy__category"
        )
        rows, following = page(request, found.filter(pk__lte=position), position=position)
        return Response(answer([serializers.decision_out(row) for row in rows], following, position=position))


class PolicyList(APIView):
    """The policy in force for every category, its own or inherited."""

    takes = PAGES

    @extend_schema(operation_id="list_policies", parameters=answers.parameters(takes), responses=answers.POLICIES)
    def get(self, request: Request) -> Response:
        with export.snapshot():
            rows, following = page(request, Category.objects.all())
            snapshot = policies.Policies()
        results = []
        for category in rows:
            policy = snapshot.of(category.pk)
            results.append(
                {
                    "category": category.path,
                    "version": policy.number,
                    "inherited_from": None if category.pk in snapshot.own else policy.category.path,
                    **policies.values_of(policy),
                    "published_at": policy.created_at,
                }
            )
        return Response(answer(results, following))


class Imports(APIView):
    """Catalogue files."""

    takes = PAGES

    parser_classes = [MultiPartParser, FormParser]

    @extend_schema(operation_id="list_imports", parameters=answers.parameters(takes), responses=answers.IMPORTS)
    def get(self, request: Request) -> Response:
        rows, following = page(request, ImportRun.objects.select_related("source"))
        return Response(answer([serializers.import_out(run) for run in rows], following))

    @extend_schema(operation_id="post_import", request={"multipart/form-data": serializers.ImportIn}, responses={202: answers.Import})
    def post(self, request: Request) -> Response:
        checked = serializers.ImportIn(data=request.data)
        checked.is_valid(raise_exception=True)
        values = checked.validated_data
        run = importing.start(
            source=Source.objects.get_or_create(name=values["source"])[0],
            upload=values["file"],
            file_name=values["file"].name,
            mapping=values.get("mapping") or {},
            complete=values["complete"],
            then_candidates=values["then_candidates"],
            author=cast(User, request.user),
        )
        return Response(serializers.import_out(run), status=status.HTTP_202_ACCEPTED)


class OneImport(APIView):
    """How far one import is, and its rows in error."""

    @extend_schema(operation_id="get_import", responses=answers.OneImport)
    def get(self, request: Request, uuid: str) -> Response:
        run = get_object_or_404(ImportRun.objects.select_related("source"), uuid=uuid)
        errors = [{"line": e.line, "column": e.column, "reason": e.reason, "value": e.value} for e in run.row_errors.all()[:1000]]
        return Response(serializers.import_out(run) | {"errors": errors})
