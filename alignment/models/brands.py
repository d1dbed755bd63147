"""Names of brands that the catalogue itself vouches for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class BrandName(models.Model):
    """A folded name that, where a title begins with it, is the product's brand: see `alignment.brand_names`. Derived, counted anew."""

    name = models.CharField(max_length=60, unique=True)

    class Meta:
        verbose_name = _("brand name")
        verbose_name_plural = _("brand names")
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="a_brand_name_is_not_empty")]

    def __str__(self) -> str:
        return self.name
