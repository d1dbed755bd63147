"""The root category and its policy, which every category without one of its own inherits."""

from django.db import migrations

INSTRUCTION = (
    "Given a product listing, judge whether the document is a listing of exactly the same product: the same kind of item, "
    "with no difference in size, quantity, technical data, model or edition. Language, wording and shop do not matter."
)


def create(apps, schema_editor):
    root = apps.get_model("alignment", "Category").objects.create(name="", path="")
    apps.get_model("alignment", "PolicyVersion").objects.create(
        category=root, number=1, instruction=INSTRUCTION, accept_at=0.9, review_at=0.7, note="Came with the product"
    )


class Migration(migrations.Migration):
    dependencies = [("alignment", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
