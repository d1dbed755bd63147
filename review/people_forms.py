"""What people type about people: invitations, roles, their own names, and the tokens of their programs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.utils.translation import gettext_lazy as _

from alignment import catalogue
from alignment.models import ApiToken, Category, User
from review import people


class PathsField(forms.CharField):
    """Category paths, one a line."""

    MOST = 200

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100_000, required=False, widget=forms.Textarea(attrs={"rows": 3}), **options)

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else "\n".join(category.path for category in value)

    def clean(self, value: Any) -> list[Category]:
        paths = dict.fromkeys(Category.SEPARATOR.join(catalogue.split_path(line)) for line in super().clean(value).splitlines())
        paths.pop("", None)
        if len(paths) > self.MOST:
            raise forms.ValidationError(_("At most %(most)s categories can be named.") % {"most": self.MOST})
        found = {category.path: category for category in Category.objects.filter(path__in=paths)}
        if missing := [path for path in paths if path not in found]:
            raise forms.ValidationError(_("There is no category “%(path)s”.") % {"path": missing[0]})
        return [found[path] for path in paths]


class PersonForm(forms.Form):
    """A person's role, and which of the work is theirs."""

    role = forms.ChoiceField(
        label=_("Role"), choices=User.Role.choices, help_text=_("Reviewers decide pairs. Admins do everything else too.")
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        required=False,
        help_text=_("Pairs whose two listings are in these languages. None ticked: all."),
        widget=forms.CheckboxSelectMultiple,
    )
    categories = PathsField(
        label=_("Categories"), help_text=_("One in a line, as in “Baby > Strollers”, each with all below it. Empty: all categories.")
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        languages = self.fields["languages"]
        assert isinstance(languages, forms.MultipleChoiceField)
        languages.choices = people.languages_offered(self.initial.get("languages", ()))


class InviteForm(PersonForm):
    name = forms.CharField(label=_("Full name"), max_length=150, help_text=_("Whom it is for, as you call them."))
    field_order = ("name", "role", "languages", "categories")


class AcceptForm(BaseUserCreationForm):
    """The account of an invited person: the name to sign in with, and a password by Django's rules."""

    class Meta:
        model = User
        fields = ("username",)
        labels = {"username": _("Username")}


class ProfileForm(forms.Form):
    name = forms.CharField(label=_("Full name"), max_length=150, required=False, help_text=_("As others call you."))


class TokenForm(forms.Form):
    name = forms.CharField(label=_("What it is for"), max_length=100, help_text=_("As in “ERP, nightly”."))
    scope = forms.ChoiceField(
        label=_("Scope"), choices=ApiToken.Scope.choices, help_text=_("A program that only fetches groups needs no more than to read.")
    )
    days = forms.TypedChoiceField(
        label=_("Expires"),
        choices=[(30, _("in 30 days")), (90, _("in 90 days")), (365, _("in a year")), (1095, _("in three years"))],
        coerce=int,
        initial=365,
    )
