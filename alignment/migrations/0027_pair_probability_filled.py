from django.db import migrations
from django.db.models import OuterRef, Subquery

AT_ONCE = 5000


def fill(apps, schema_editor):
    """Of what is open now; a pair that is opened later gets it then. Some at a time, each by itself: people are at work on these rows."""
    Pair, Score = apps.get_model("alignment", "Pair"), apps.get_model("alignment", "Score")
    known = Score.objects.filter(pk=OuterRef("score")).values("probability")
    wanting, last = Pair.objects.filter(in_review=True, score__isnull=False, probability__isnull=True).order_by("pk"), 0
    while ids := list(wanting.filter(pk__gt=last).values_list("pk", flat=True)[:AT_ONCE]):
        Pair.objects.filter(pk__gt=last, pk__lte=ids[-1], in_review=True, score__isnull=False).update(probability=Subquery(known))
        last = ids[-1]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('alignment', '0026_pair_probability'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
