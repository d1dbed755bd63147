from collections import defaultdict

from django.db import migrations
from django.db.models import Q


def close_what_groups_answer(apps, schema_editor):
    """Open pairs whose answer the groups and people's rejects hold already. As `alignment.implied` says it; chunked, for a million."""
    Pair, Membership = apps.get_model("alignment", "Pair"), apps.get_model("alignment", "Membership")
    units = dict(Membership.objects.filter(group__isnull=False).values_list("sku_id", "group_id"))
    apart = defaultdict(set)
    for left, right in Pair.objects.filter(standing__verdict="reject").values_list("left_id", "right_id").iterator(chunk_size=2000):
        apart[units.get(left, -left)].add(units.get(right, -right))
        apart[units.get(right, -right)].add(units.get(left, -left))
    answerable = Pair.objects.filter(Q(standing__isnull=True) | Q(standing__verdict="unsure"), in_review=True, text_changed=False)
    closed = {"same": [], "different": []}
    for pk, left, right in answerable.values_list("pk", "left_id", "right_id").iterator(chunk_size=2000):
        one, other = units.get(left, -left), units.get(right, -right)
        if one == other:
            closed["same"].append(pk)
        elif other in apart[one]:
            closed["different"].append(pk)
    for answer, pks in closed.items():
        for start in range(0, len(pks), 500):
            Pair.objects.filter(pk__in=pks[start : start + 500]).update(implied=answer, in_review=False)


class Migration(migrations.Migration):
    dependencies = [("alignment", "0008_review_flow")]

    operations = [migrations.RunPython(close_what_groups_answer, migrations.RunPython.noop)]
