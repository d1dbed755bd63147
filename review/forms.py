"""What people type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from alignment import catalogue
from alignment.candidates import MOST_CANDIDATES
from alignment.importing import FileError, rows, uploads
from alignment.importing.language import LANGUAGES
from alignment.models import CandidateRun, Category, ExportRun, PolicyVersion, Source, Upload
from alignment.policies import LONGEST_INSTRUCTION, MOST_DUE_HOURS
from review.templatetags.listings import language as name_of_language


class PercentField(forms.FloatField):
    """A share from 0 to 1 that people read and write as a percentage."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=100, widget=forms.NumberInput(attrs={"step": "any"}), **options)

    def prepare_value(self, value: Any) -> Any:
        return f"{100 * value:.6g}" if isinstance(value, float | int) else value

    def clean(self, value: Any) -> float:
        percent = super().clean(value)
        return round(percent / 100, 8) if percent is not None else 0.0


class PolicyForm(forms.Form):
    """Shape only; what a policy may say is checked where it is published."""

    instruction = forms.CharField(
        label=_("Instruction"),
        max_length=LONGEST_INSTRUCTION,
        help_text=_("Written in English: what must be equal for two listings to be the same product, and what does not matter."),
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    accept_at = forms.FloatField(
        label=_("Accept at and over"),
        min_value=0,
        max_value=1,
        help_text=_("Such pairs are joined without a person."),
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    review_at = forms.FloatField(
        label=_("Review at and over"),
        min_value=0,
        max_value=1,
        help_text=_("From here to there people decide; what is lower is discarded."),
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    guards = forms.MultipleChoiceField(
        label=_("Guards"),
        choices=PolicyVersion.Guard.choices,
        required=False,
        help_text=_("Where two listings say different things of one of these, the pair goes to a person however high its score."),
        widget=forms.CheckboxSelectMultiple,
    )
    order = forms.ChoiceField(label=_("Order"), choices=PolicyVersion.Order.choices, help_text=_("Which of its pairs are asked first."))
    priority = forms.TypedChoiceField(
        label=_("Priority"),
        choices=PolicyVersion.Priority.choices,
        coerce=int,
        help_text=_("Higher priorities come before all others, whatever their order."),
    )
    due_hours = forms.IntegerField(
        label=_("Due within, in hours"),
        min_value=1,
        max_value=MOST_DUE_HOURS,
        required=False,
        help_text=_("Pairs that wait longer are overdue and come first. Empty: no limit."),
    )
    reasons = forms.ChoiceField(
        label=_("Reason of a reject"), choices=PolicyVersion.Reasons.choices, help_text=_("What differs, in one press after “different”.")
    )
    blind = forms.BooleanField(
        label=_("Hide scores until the verdict"), required=False, help_text=_("So that the model's opinion does not become the person's.")
    )
    second_share = PercentField(
        label=_("Second opinion, % of cases"),
        required=False,
        help_text=_("These cases are shown to another person too, who does not see the first verdict."),
    )
    second_unsure = forms.BooleanField(
        label=_("A second opinion after every “unsure”"), required=False, help_text=_("Beside the share above.")
    )
    check_share = PercentField(
        label=_("Hidden checks, % of cases"),
        required=False,
        help_text=_("These cases carry a pair whose answer is known, to measure how right people are. Their answers are no decisions."),
    )
    note = forms.CharField(
        label=_("Why"), max_length=500, required=False, help_text=_("For whoever reads the history. Shown beside the version.")
    )


class RollBackForm(forms.Form):
    note = forms.CharField(label=_("Why"), max_length=500, required=False)


class PlaygroundForm(forms.Form):
    MOST_CANDIDATES = 200

    query = forms.CharField(label=_("Query listing"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 2}))
    candidates = forms.CharField(
        label=_("Candidates"),
        max_length=200_000,
        help_text=_("One in a line, up to 200. Cells pasted from a sheet are joined."),
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    category = forms.CharField(
        label=_("Category"),
        max_length=1000,
        required=False,
        help_text=_("Its instruction and thresholds are used; empty stands for all categories."),
        widget=forms.TextInput(attrs={"list": "categories", "autocomplete": "off"}),
    )
    instruction = forms.CharField(
        label=_("Instruction"),
        max_length=LONGEST_INSTRUCTION,
        required=False,
        help_text=_("Empty takes the category's."),
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

    def clean_category(self) -> Category | None:
        path = self.cleaned_data["category"].strip()
        try:
            category = catalogue.get_category(path)
        except catalogue.CategoryError:
            category = None
        if path and category is None:
            raise forms.ValidationError(_("There is no such category."))
        return category


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
            "category_levels": _("Same category, so many levels deep"),
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


class ExportForm(forms.Form):
    """Which groups, in which format. A group is exported whole when one of its listings fits."""

    format = forms.ChoiceField(label=_("Format"), choices=ExportRun.Format.choices)
    category = forms.CharField(
        label=_("Category"),
        max_length=1000,
        required=False,
        help_text=_("With all below it; empty for all."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
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
        path = self.cleaned_data["category"].strip()
        try:
            category = catalogue.get_category(path)
        except catalogue.CategoryError:
            category = None
        if path and category is None:
            raise forms.ValidationError(_("There is no such category."))
        return category.path if category else ""

    def clean_source(self) -> str:
        source: Source | None = self.cleaned_data["source"]
        return source.name if source else ""

    def clean_changed_since(self) -> int:
        return self.cleaned_data["changed_since"] or 0


class UploadForm(forms.Form):
    file = forms.FileField(label=_("Catalogue file"), help_text=_("CSV, XLSX, JSONL, or Shopify's product export."))
    source = forms.CharField(
        label=_("Source"),
        max_length=200,
        help_text=_("The shop, marketplace or feed that these listings are from."),
        widget=forms.TextInput(attrs={"list": "sources", "autocomplete": "off"}),
    )
    complete = forms.BooleanField(
        label=_("The file is complete"), required=False, help_text=_("Listings of this source that it lacks are marked delisted.")
    )
    then_candidates = forms.BooleanField(
        label=_("Then propose candidates"), required=False, initial=True, help_text=_("For what is new or changed, as at the last time.")
    )

    def clean_file(self) -> UploadedFile:
        upload: UploadedFile = self.cleaned_data["file"]
        if (upload.size or 0) > settings.UPLOAD_LIMIT_MB * 1024 * 1024:
            raise forms.ValidationError(_("The file is larger than %(limit)s MB.") % {"limit": settings.UPLOAD_LIMIT_MB})
        return upload

    def clean_source(self) -> str:
        name: str = self.cleaned_data["source"].strip()
        if not name:
            raise forms.ValidationError(_("Name the source."))
        return name


FIELD_LABELS = {
    "external_id": _("Number or id"),
    "title": _("Title"),
    "description": _("Description"),
    "language": _("Language"),
    "category": _("Category"),
    "gtin": _("GTIN (EAN, UPC)"),
    "url": _("Web address"),
    "image_url": _("Picture's address"),
    "attributes": _("Attributes, as JSON"),
}
ENCODING_LABELS = {
    "utf-8-sig": _("UTF-8"),
    "gb18030": _("GB18030 (GBK, GB2312)"),
    "big5": _("Big5"),
    "utf-16": _("UTF-16"),
    "cp1252": _("Windows-1252 (Western European)"),
}
DELIMITER_LABELS = {",": _("Comma ,"), ";": _("Semicolon ;"), "\t": _("Tab")}


class MappingForm(forms.Form):
    """How an upload is read: what was found, to be corrected. Columns are told by their place, whatever their names hold."""

    MOST_ATTRIBUTES = 60

    encoding = forms.ChoiceField(label=_("Encoding"), required=False, choices=list(ENCODING_LABELS.items()))
    delimiter = forms.ChoiceField(label=_("Between cells"), required=False, choices=list(DELIMITER_LABELS.items()))
    language = forms.ChoiceField(label=_("Language of the listings"), required=False)

    def __init__(
        self, data: Any = None, *, upload: Upload, header: Sequence[str] | None = None, left_out: Sequence[str] | None = None
    ) -> None:
        super().__init__(data, initial={"encoding": upload.encoding, "delimiter": upload.delimiter, "language": upload.language})
        if header is None:
            header, left_out = self._found(upload)
        self.header = list(header)
        columns = [("", _("not in the file"))] + [(str(place), name[:80]) for place, name in enumerate(self.header)]
        languages = sorted((name_of_language(code), code) for code in {*LANGUAGES, upload.language} - {""})
        language = self.fields["language"]
        assert isinstance(language, forms.ChoiceField)
        language.choices = [("", _("found for each listing")), *((code, name) for name, code in languages)]
        for name in rows.FIELDS:
            column = upload.mapping.get(name) or ""
            self.fields[f"column_{name}"] = forms.ChoiceField(
                label=FIELD_LABELS[name],
                required=False,
                choices=columns,
                initial=str(self.header.index(column)) if column in self.header else "",
            )
        chosen = [column for name, column in upload.mapping.items() if name.startswith(rows.ATTRIBUTE) and column in self.header]
        offered = list(dict.fromkeys([*chosen, *(left_out or [])]))[: self.MOST_ATTRIBUTES]
        self.fields["kept"] = forms.MultipleChoiceField(
            label=_("Keep as attributes"),
            required=False,
            choices=[(str(self.header.index(name)), name[:80]) for name in offered],
            initial=[str(self.header.index(name)) for name in chosen],
            widget=forms.CheckboxSelectMultiple,
        )

    @staticmethod
    def _found(upload: Upload) -> tuple[list[str], list[str]]:
        try:
            shown = uploads.preview(upload)
        except FileError:
            return [], []
        return shown.header, shown.header

    def columns(self) -> list[forms.BoundField]:
        return [self[f"column_{name}"] for name in rows.FIELDS]

    def mapping(self) -> dict[str, str]:
        """Field to column, "" for a field that the file does not have."""
        found = {name: self._column(self.cleaned_data[f"column_{name}"]) for name in rows.FIELDS}
        used = set(found.values())
        kept = [self._column(place) for place in self.cleaned_data["kept"]]
        return found | {f"{rows.ATTRIBUTE}{column}": column for column in kept if column not in used}

    def _column(self, place: str) -> str:
        return self.header[int(place)] if place else ""
