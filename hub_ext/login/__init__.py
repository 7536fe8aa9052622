"""Login: who may enter is said by the facility's link table, never by name or e-mail."""

from hub_ext.login.mixin import FacilityLogin
from hub_ext.login.providers import CILogonAuthenticator, FacilityAuthenticator, GlobusAuthenticator

__all__ = ["CILogonAuthenticator", "FacilityAuthenticator", "FacilityLogin", "GlobusAuthenticator"]
