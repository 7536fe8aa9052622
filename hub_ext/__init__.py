"""JupyterHub extensions: login, claims of jobs, token hand-out, and the wiring of a hub from one profile."""

from hub_ext.configure import configure
from hub_ext.desk import HubDesk
from hub_ext.login import CILogonAuthenticator, FacilityAuthenticator, GlobusAuthenticator

__all__ = ["CILogonAuthenticator", "FacilityAuthenticator", "GlobusAuthenticator", "HubDesk", "configure"]
