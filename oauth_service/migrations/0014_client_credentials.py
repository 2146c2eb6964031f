from django.db import migrations, models

import oauth_service.models.client


class Migration(migrations.Migration):

    dependencies = [
        ('oauth_service', '0013_repeats'),
    ]

    operations = [
        migrations.AddField(
            model_name='client',
            name='client_credentials_scope',
            field=models.CharField(blank=True, db_default='', default='', help_text='What it may get without a person (client credentials). Empty for all of its scope.', max_length=1000, validators=[oauth_service.models.client.validate_scope], verbose_name='scope for itself'),
        ),
        # Without a default: all rows that are there would get one and the same secret. Each is given its own when it needs it.
        migrations.AddField(
            model_name='client',
            name='own_secret',
            field=models.BinaryField(editable=False, max_length=32, null=True),
        ),
        migrations.AlterField(
            model_name='client',
            name='own_secret',
            field=models.BinaryField(default=oauth_service.models.client.new_own_secret, editable=False, max_length=32, null=True),
        ),
        migrations.AlterField(
            model_name='client',
            name='redirect_uris',
            field=models.TextField(blank=True, help_text='One a line. Compared character by character.', validators=[oauth_service.models.client.validate_redirect_uris], verbose_name='redirect URIs'),
        ),
    ]
