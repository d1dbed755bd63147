"""Settings: one page that leads to the others, a person's own name and language, and for admins how this deployment is set up."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from review import deployment, people
from review.people_forms import ProfileForm
from review.permissions import person, reviewer_required


@never_cache
@reviewer_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = ProfileForm(request.POST or None, initial={"name": user.get_full_name()})
    if request.method == "POST" and form.is_valid():
        people.rename(user=user, name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("settings")
    context: dict[str, Any] = {"form": form, "deployment": deployment.shown() if user.is_admin else []}
    context["categories"] = list(user.categories.order_by("path"))
    return render(request, "review/settings.html", context, status=422 if form.errors else 200)
