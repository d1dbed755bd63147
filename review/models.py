"""A reviewer's hold on a case, and the SKUs it keeps from everyone else."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from alignment.models import SKU


class Lease(models.Model):
    """One case, one person. A person holds one lease at a time; it expires unless their work renews it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reviewer = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="lease")
    query = models.OneToOneField(SKU, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.reviewer} holds {self.query}"


class HeldSKU(models.Model):
    """A SKU that a lease keeps: held once, so two leases never touch the same SKU."""

    sku = models.OneToOneField(SKU, on_delete=models.PROTECT, primary_key=True, related_name="+")
    lease = models.ForeignKey(Lease, on_delete=models.CASCADE, related_name="held")

    def __str__(self) -> str:
        return str(self.sku)
