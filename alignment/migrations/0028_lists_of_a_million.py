from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [
        ('alignment', '0027_pair_probability_filled'),
    ]

    operations = [
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
