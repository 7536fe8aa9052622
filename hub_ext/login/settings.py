"""Settings of oauthenticator's classes that our rules replace: set, they would be ignored, so they stop the start."""

from __future__ import annotations

from jupyterhub.auth import Authenticator
from traitlets.config import Config

from facility.errors import ProfileError

LINKS = "who may enter, and as whom, is said by the facility's link table"
KEY = "the hub signs with its key; where the provider takes none, client_secret_file names a file with the secret"
PROFILE = "service.login in facility.toml says it"

REPLACED = {
    "username_claim": LINKS,
    "username_from_email": LINKS,
    "username_map": LINKS,
    "username_pattern": LINKS,
    "allow_existing_users": LINKS,
    "client_secret": KEY,
    "basic_auth": KEY,
    "enable_pkce": "PKCE is always on",
    "userdata_url": "the verified ID token says who signed in",
    "userdata_from_id_token": "the verified ID token says who signed in",
    "authorize_url": "addresses come from the issuer's discovery document; set issuer",
    "token_url": "addresses come from the issuer's discovery document; set issuer",
    "idps": PROFILE,
    "allowed_idps": PROFILE,
    "identity_provider": PROFILE,
    "allowed_globus_groups": PROFILE,
    "admin_globus_groups": PROFILE,
    "claim_groups_key": PROFILE,
    "auth_state_groups_key": PROFILE,
    "manage_groups": "it is on where service.login.groups or operators_group is set",
    "manage_roles": "load_roles gives roles to the groups that service.login.groups fills",
    "allowed_groups": PROFILE,
    "admin_groups": PROFILE,
    "exclude_tokens": "no token of a login leaves the hub",
    "revoke_tokens_on_logout": "no token of a login leaves the hub",
}
"""Name of a setting → why it is not taken."""


def refuse_replaced_settings(config: Config, kind: type[Authenticator]) -> None:
    """Check a hub's configuration once, when it starts.

    Raises ProfileError that names every setting which would be ignored, and what says it instead.
    """
    sections = [cls.__name__ for cls in kind.__mro__ if issubclass(cls, Authenticator)]
    wrong = [
        f"c.{section}.{name}: {reason}"
        for section in sections
        for name, reason in REPLACED.items()
        if section in config and name in config[section]
    ]
    if wrong:
        raise ProfileError(f"these settings are not taken by {kind.__name__}: " + "; ".join(wrong))
