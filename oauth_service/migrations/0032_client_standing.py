from django.db import migrations, models
from django.db.migrations.state import StateApps


def check_the_operators(apps: StateApps, schema_editor: object) -> None:
    """Every client that did not register itself was registered by the operator."""
    client = apps.get_model("oauth_service", "Client")
    alias = schema_editor.connection.alias  # type: ignore[attr-defined]
    client.objects.using(alias).filter(registration=None).update(is_checked=True)


class Migration(migrations.Migration):

    dependencies = [
        ('oauth_service', '0031_client_documents'),
    ]

    operations = [
        migrations.AddField(
            model_name='client',
            name='is_first_party',
            field=models.BooleanField(db_default=False, default=False, help_text='People are told that this service runs it.', verbose_name='an app of this service'),
        ),
        migrations.AddField(
            model_name='client',
            name='is_checked',
            field=models.BooleanField(db_default=False, default=True, help_text='Whether its name, picture and redirect URIs were looked at. People are told.', verbose_name='checked'),
        ),
        migrations.RunPython(check_the_operators, migrations.RunPython.noop),
    ]
