"""Fields that several forms have: shares, thresholds, a category by its path."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from alignment import catalogue
from alignment.models import Category


class PercentField(forms.FloatField):
    """A share from 0 to 1 that people read and write as a percentage."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=100, widget=forms.NumberInput(attrs={"step": "any"}), **options)

    def prepare_value(self, value: Any) -> Any:
        return f"{100 * value:.6g}" if isinstance(value, float | int) else value

    def clean(self, value: Any) -> float:
        percent = super().clean(value)
        return round(percent / 100, 8) if percent is not None else 0.0


class ThresholdField(forms.FloatField):
    """A probability, as finely as somebody writes it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=1, widget=forms.NumberInput(attrs={"step": "any"}), **options)


class CategoryField(forms.CharField):
    """A category by its path, a former one too; None where nothing is written."""

    def __init__(self, *, suggestions: str = "", **options: Any) -> None:
        """`suggestions` is the id of the page's datalist."""
        attributes = {"list": suggestions} if suggestions else {}
        widget = forms.TextInput(attrs=attributes | {"autocomplete": "off"})
        super().__init__(label=_("Category"), max_length=1000, required=False, widget=widget, **options)

    def clean(self, value: Any) -> Category | None:
        path = super().clean(value)
        try:
            category = catalogue.get_category(path)
        except catalogue.CategoryError:
            category = None
        if path and category is None:
            raise forms.ValidationError(_("There is no such category."))
        return category
