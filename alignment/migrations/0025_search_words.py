from django.db import migrations

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


class Migration(migrations.Migration):

    dependencies = [
        ('alignment', '0024_brand_names'),
    ]

    operations = [
        migrations.RunPython(store_words, drop_words),
    ]
