"""URLs of the client application. The redirect URI has no trailing slash: it is compared character for character."""

from django.conf import settings
from django.urls import path

from prescription_manager_app.views.add import add
from prescription_manager_app.views.callback import callback
from prescription_manager_app.views.connect import connect
from prescription_manager_app.views.experiment import experiment
from prescription_manager_app.views.guide import guide
from prescription_manager_app.views.home import home
from prescription_manager_app.views.lifecycle import forget, lifecycle, reveal
from prescription_manager_app.views.logout import logout
from prescription_manager_app.views.outcome import outcome
from prescription_manager_app.views.renew import renew
from prescription_manager_app.views.resume import resume
from prescription_manager_app.views.stop import stop

urlpatterns = [
    path("", home, name="home"),
    path("connect/", connect, name="connect"),
    path("callback", callback, name="callback"),
    path("logout/", logout, name="logout"),
    path("outcome/<slug:slug>/", outcome, name="outcome"),
    path("prescriptions/add/", add, name="add"),
    path("prescriptions/<int:pk>/renew/", renew, name="renew"),
    path("prescriptions/<int:pk>/resume/", resume, name="resume"),
    path("prescriptions/<int:pk>/stop/", stop, name="stop"),
]

if settings.DEBUG:
    urlpatterns += [
        path("lifecycle/", lifecycle, name="lifecycle"),
        path("lifecycle/guide/", guide, name="guide"),
        path("lifecycle/reveal/", reveal, name="reveal"),
        path("lifecycle/forget/", forget, name="forget"),
        path("lifecycle/try/<slug:slug>/", experiment, name="experiment"),
    ]
