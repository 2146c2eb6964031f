"""
Tests of the client application, against a small server that follows the lifecycle guide.

Its settings are its own, so it needs a run of its own:
pytest --ds=config.client.settings --confcutdir=tests/prescription_manager_app tests/prescription_manager_app
"""
