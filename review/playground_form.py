"""What people type into the playground."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from alignment.policies import LONGEST_INSTRUCTION
from review.fields import CategoryField


class PlaygroundForm(forms.Form):
    MOST_CANDIDATES = 200

    query = forms.CharField(label=_("Query listing"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 2}))
    candidates = forms.CharField(
        label=_("Candidates"),
        max_length=200_000,
        help_text=_("One in a line, up to 200. Cells pasted from a sheet are joined."),
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    category = CategoryField(
        suggestions="categories", help_text=_("Its instruction and thresholds are used; empty stands for all categories.")
    )
    instruction = forms.CharField(
        label=_("Instruction"),
        max_length=LONGEST_INSTRUCTION,
        required=False,
        help_text=_("Left empty, the category's is used."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    other_instruction = forms.CharField(
        label=_("A second instruction, to compare"),
        max_length=LONGEST_INSTRUCTION,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean_candidates(self) -> list[str]:
        lines = [" ".join(line.split("\t")).strip() for line in self.cleaned_data["candidates"].splitlines()]
        found = [line for line in lines if line]
        if len(found) > self.MOST_CANDIDATES:
            raise forms.ValidationError(
                _("%(count)s candidates; at most %(most)s are taken at once.") % {"count": len(found), "most": self.MOST_CANDIDATES}
            )
        return found
