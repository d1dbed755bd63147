from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AlignmentConfig(AppConfig):
    name = "alignment"
    verbose_name = "SKU Alignment"

    def ready(self) -> None:
        from django.core import checks

        from alignment import triggers

        post_migrate.connect(triggers.reinstall, dispatch_uid="alignment.triggers")
        checks.register(triggers.check, checks.Tags.database)
