"""Team: what waits, who decides how much, and when the queue will be empty."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from review import team, team_tables
from review.permissions import admin_required
from review.views.insights import as_csv


@admin_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    shown = team.of_all()
    return render(request, "review/team.html", {"team": shown, "tables": team_tables.of(shown), "files": reverse("team") + "data/"})


@admin_required
@require_GET
def data(request: HttpRequest, name: str) -> HttpResponse:
    """One chart's table as CSV, exact."""
    chart = next((chart for chart in team.of_all().charts if chart.name == name), None)
    if chart is None:
        raise Http404
    return as_csv(chart)
