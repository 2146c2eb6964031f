"""The columns in which staff search for a user, for any user model."""

from django.contrib.auth import get_user_model


def user_names() -> list[str]:
    user = get_user_model()
    known = {field.name for field in user._meta.get_fields()}
    return [name for name in dict.fromkeys([user.USERNAME_FIELD, user.get_email_field_name()]) if name in known]
