"""
The client application, against a small server that follows the lifecycle guide. It has settings of its own, so a run
of its own: pytest --ds=config.client.settings --confcutdir=tests/prescription_manager_app tests/prescription_manager_app
"""
