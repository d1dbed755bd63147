"""What people type to import a file, and what they correct of what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from alignment import candidate_runs
from alignment.importing import FileError, rows, uploads
from alignment.importing.language import LANGUAGES
from alignment.models import CandidateRun, Upload
from review.run_forms import candidate_options
from review.templatetags.listings import language as name_of_language


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
    then_candidates = forms.BooleanField(label=_("Then propose candidates"), required=False, initial=True)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["then_candidates"].help_text = _("For what is new or changed, with the options of the last time: %(options)s.") % {
            "options": candidate_options(CandidateRun(**candidate_runs.usual()))
        }

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
