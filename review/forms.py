"""What people type."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from alignment.models import Source
from alignment.policies import LONGEST_INSTRUCTION


class PolicyForm(forms.Form):
    """Shape only; what a policy may say is checked where it is published."""

    instruction = forms.CharField(label=_("Instruction"), max_length=LONGEST_INSTRUCTION, widget=forms.Textarea(attrs={"rows": 5}))
    accept_at = forms.FloatField(label=_("Accept at and over"), min_value=0, max_value=1, widget=forms.NumberInput(attrs={"step": "any"}))
    review_at = forms.FloatField(label=_("Review at and over"), min_value=0, max_value=1, widget=forms.NumberInput(attrs={"step": "any"}))
    note = forms.CharField(label=_("Why"), max_length=500, required=False)


class UploadForm(forms.Form):
    file = forms.FileField(label=_("Catalogue file"), help_text=_("CSV, XLSX, JSONL, or Shopify's product export."))
    source = forms.CharField(label=_("Source"), max_length=200, help_text=_("The shop, marketplace or feed that these listings are from."))
    complete = forms.BooleanField(
        label=_("The file is complete"), required=False, help_text=_("Listings of this source that it lacks are marked delisted.")
    )

    def clean_source(self) -> Source:
        name = self.cleaned_data["source"].strip()
        if not name:
            raise forms.ValidationError(_("Name the source."))
        return Source.objects.get_or_create(name=name)[0]
