"""The page on which a person binds the case page's acts to keys of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from review import keys
from review.permissions import person, reviewer_required


class KeysForm(forms.Form):
    """A key for every act of the case page. Which keys go together is checked where they are kept."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for act, (_key, label) in keys.ACTS.items():
            box = forms.TextInput(attrs={"class": "key", "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "size": 8})
            self.fields[act] = forms.CharField(label=str(label), max_length=20, required=False, strip=False, widget=box)

    def rows(self, acts: Iterable[str]) -> list[forms.BoundField]:
        return [self[act] for act in acts]

    def verdicts(self) -> list[forms.BoundField]:
        return self.rows(keys.VERDICTS)

    def moves(self) -> list[forms.BoundField]:
        return self.rows(keys.MOVES)

    def reasons(self) -> list[forms.BoundField]:
        return self.rows(keys.REASONS)


@reviewer_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    user = person(request)
    if "reset" in request.POST:
        keys.reset(user=user)
        messages.success(request, _("The usual keys are back."))
        return redirect("keys")
    form = KeysForm(request.POST or None, initial={act: key.name for act, key in keys.of(user).items()})
    if request.method == "POST" and form.is_valid():
        try:
            keys.bind(user=user, chosen=form.cleaned_data)
        except keys.Refused as refused:
            for act, why in refused.problems.items():
                form.add_error(act, why)
        else:
            messages.success(request, _("Your keys are kept. They hold on every device you sign in on."))
            return redirect("keys")
    return render(request, "review/keys.html", {"form": form}, status=422 if form.errors else 200)
