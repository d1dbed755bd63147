"""What people type to start a run: candidates, an evaluation, an export."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from alignment.candidates import MOST_CANDIDATES
from alignment.importing.language import LANGUAGES
from alignment.models import CandidateRun, Category, ExportRun, Source
from review.fields import CategoryField
from review.templatetags.listings import language as name_of_language


class EvaluationForm(forms.Form):
    MOST_MEGABYTES = 50

    file = forms.FileField(
        label=_("Labelled file"),
        help_text=_("Sets as JSONL (query, candidates with text and label), or pairs as CSV or JSONL (left_text, right_text, label)."),
    )

    def clean_file(self) -> UploadedFile:
        upload: UploadedFile = self.cleaned_data["file"]
        if (upload.size or 0) > self.MOST_MEGABYTES * 1024 * 1024:
            raise forms.ValidationError(_("The file is larger than %(limit)s MB.") % {"limit": self.MOST_MEGABYTES})
        return upload


class CandidateRunForm(forms.ModelForm):
    class Meta:
        model = CandidateRun
        fields = ("changed_only", "source", "k", "other_source", "other_language", "category_levels")
        labels = {
            "changed_only": _("Only what is new or changed"),
            "source": _("Source"),
            "k": _("Candidates each"),
            "other_source": _("From other sources only"),
            "other_language": _("In other languages only"),
            "category_levels": _("Same category, for so many levels"),
        }
        help_texts = {
            "changed_only": _("And what that can affect. The rest keeps its candidates."),
            "source": _("Propose for this source's listings only. Candidates come from all."),
            "k": _("At most, from 1 to 500."),
            "category_levels": _("0 compares across all categories."),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        sources = self.fields["source"]
        assert isinstance(sources, forms.ModelChoiceField)
        sources.empty_label = _("All sources")
        self.fields["k"].validators += [MinValueValidator(1), MaxValueValidator(MOST_CANDIDATES)]


def candidate_options(run: CandidateRun) -> str:
    """What a building of candidates is asked for, in words."""
    said = [gettext("at most %(k)s candidates each") % {"k": run.k}]
    if run.other_source:
        said.append(gettext("from other sources only"))
    if run.other_language:
        said.append(gettext("in other languages only"))
    if levels := run.category_levels:
        within = ngettext("in the same category, %(levels)s level deep", "in the same category, %(levels)s levels deep", levels)
        said.append(within % {"levels": levels})
    return gettext(", ").join(said)


class ExportForm(forms.Form):
    """Which groups, in which format. A group is exported whole when one of its listings fits."""

    format = forms.ChoiceField(label=_("Format"), choices=ExportRun.Format.choices)
    category = CategoryField(help_text=_("With all below it; empty for all."))
    language = forms.ChoiceField(label=_("Language"), required=False)
    source = forms.ModelChoiceField(label=_("Source"), queryset=Source.objects.all(), required=False, empty_label=_("All sources"))
    changed_since = forms.IntegerField(
        label=_("Changed since log position"),
        min_value=0,
        max_value=2**63 - 1,
        required=False,
        help_text=_("Only groups that changed after it. An earlier export's name holds its position."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        language = self.fields["language"]
        assert isinstance(language, forms.ChoiceField)
        names = sorted((name_of_language(code), code) for code in LANGUAGES)
        language.choices = [("", _("All languages")), *((code, name) for name, code in names)]

    def clean_category(self) -> str:
        category: Category | None = self.cleaned_data["category"]
        return category.path if category else ""

    def clean_source(self) -> str:
        source: Source | None = self.cleaned_data["source"]
        return source.name if source else ""

    def clean_changed_since(self) -> int:
        return self.cleaned_data["changed_since"] or 0
