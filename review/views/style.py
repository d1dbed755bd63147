"""The parts that pages are made of, each in each of its states: for whoever builds the next page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from review.insights import Chart, Column
from review.permissions import admin_required

COLOURS = (
    "paper", "raised", "ink", "quiet", "line", "edge", "accent", "on-accent", "accept", "reject", "unsure", "notice", "problem",
)  # fmt: skip


class Shown(forms.Form):
    """A field of every kind, one of them wrong."""

    name = forms.CharField(label=_("Name"), help_text=_("A sentence of help."))
    wrong = forms.FloatField(label=_("Value"), min_value=0, max_value=1)
    choice = forms.ChoiceField(label=_("Category"), choices=[("", _("All categories"))], required=False)
    note = forms.CharField(label=_("Note"), widget=forms.Textarea(attrs={"rows": 2}), required=False)
    agreed = forms.BooleanField(label=_("Only what is new or changed"), required=False)


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        messages.success(request, _("Done"))
        return redirect("style")
    chart = Chart(
        "shown",
        str(_("Scores, and where they lead")),
        "stacked",
        str(_("Score")),
        [Column(str(_("discard")), "edge"), Column(str(_("review")), "accent"), Column(str(_("accept")), "accept")],
        [(f"{place / 10:.1f}", [9 - place, place % 4 * 2, place]) for place in range(10)],
        marks=[(str(_("review")), 0.7), (str(_("accept")), 0.9)],
    )
    context: dict[str, Any] = {"form": Shown({"name": "8812", "wrong": "2"}), "colours": COLOURS, "chart": chart}
    return render(request, "review/style.html", context)
