from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery

# Words are looked for in a stored column: to make a tsvector of each row that is walked past took most of a search.
WORDS = (
    "DROP INDEX search_texts_by_token",
    "ALTER TABLE alignment_searchtext ADD COLUMN words tsvector GENERATED ALWAYS AS (array_to_tsvector(string_to_array(tokens, ' '))) STORED",
    "CREATE INDEX search_texts_by_token ON alignment_searchtext USING gin (words)",
)
NO_WORDS = (
    "ALTER TABLE alignment_searchtext DROP COLUMN words",
    "CREATE INDEX search_texts_by_token ON alignment_searchtext USING gin (array_to_tsvector(string_to_array(tokens, ' ')))",
)


def store_words(apps, schema_editor):
    _execute(schema_editor, WORDS)


def drop_words(apps, schema_editor):
    _execute(schema_editor, NO_WORDS)


def _execute(schema_editor, statements):
    if schema_editor.connection.vendor == "postgresql":
        for statement in statements:
            schema_editor.execute(statement)


def fill_probability(apps, schema_editor):
    """Of what is open now; a pair that is opened later gets it then."""
    Pair, Score = apps.get_model("alignment", "Pair"), apps.get_model("alignment", "Score")
    known = Score.objects.filter(pk=OuterRef("score")).values("probability")
    Pair.objects.filter(in_review=True, score__isnull=False).update(probability=Subquery(known))


class Migration(migrations.Migration):

    dependencies = [
        ('alignment', '0024_brand_names'),
    ]

    operations = [
        migrations.RunPython(store_words, drop_words),
        migrations.AddField(
            model_name='pair',
            name='probability',
            field=models.FloatField(blank=True, help_text="Its score's, as it was when it was last opened or routed", null=True),
        ),
        migrations.RunPython(fill_probability, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='pair',
            index=models.Index(condition=Q(('in_review', True)), fields=['probability', 'id'], name='open_pairs_by_score'),
        ),
        migrations.AddIndex(
            model_name='pair',
            index=models.Index(condition=Q(('in_review', True), Q(('guard', ''), _negated=True)), fields=['id'], name='guarded_open_pairs'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['verdict', 'created_at', 'id'], name='decisions_by_verdict'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(condition=Q(('by', 'policy')), fields=['created_at', 'id'], name='decisions_of_policies'),
        ),
    ]
