from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alignment', '0025_search_words'),
    ]

    operations = [
        migrations.AddField(
            model_name='pair',
            name='probability',
            field=models.FloatField(blank=True, help_text="Its score's, as it was when it was last opened or routed", null=True),
        ),
    ]
