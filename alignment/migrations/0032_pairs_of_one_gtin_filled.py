from django.db import migrations
from django.db.models import F

AT_ONCE = 5000


def fill(apps, schema_editor):
    """Some at a time, each by itself: people are at work on these rows."""
    Pair = apps.get_model("alignment", "Pair")
    newest = Pair.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    same = Pair.objects.filter(left__gtin=F("right__gtin")).exclude(left__gtin="")
    for last in range(0, newest, AT_ONCE):
        same.filter(pk__gt=last, pk__lte=last + AT_ONCE, same_gtin=False).update(same_gtin=True)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('alignment', '0031_pairs_of_one_gtin'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
