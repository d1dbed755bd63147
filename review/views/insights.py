"""Insights: what the figures say, drawn, as tables, and as files."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from alignment.export import neutral
from alignment.models import Category
from review import insights
from review.permissions import admin_required

CATEGORIES_OFFERED = 300


@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    category = _category(request)
    categories = Category.objects.exclude(path="").order_by("path")[:CATEGORIES_OFFERED]
    return render(request, "review/insights.html", {"found": insights.of(category), "category": category, "categories": categories})


@admin_required
@require_GET
def data(request: HttpRequest, name: str) -> HttpResponse:
    """One chart's table as CSV, exact."""
    chart = next((chart for chart in insights.of(_category(request)).charts if chart.name == name), None)
    if chart is None:
        raise Http404
    return as_csv(chart)


def as_csv(chart: insights.Chart) -> HttpResponse:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([neutral(text) for text in (chart.heading, *(column.label for column in chart.columns))])
    for label, values in chart.rows:
        writer.writerow([neutral(label), *("" if value is None else value for value in values)])
    headers = {"Content-Disposition": f'attachment; filename="{chart.name}.csv"'}
    return HttpResponse("\ufeff" + buffer.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _category(request: HttpRequest) -> Category | None:
    chosen: Any = request.GET.get("category", "")
    if not chosen:
        return None
    return get_object_or_404(Category, pk=int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else 0)
