"""The signing keys: secret, kept, and two at a time while they change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facility.errors import NotSignedIn, ProfileError, Refused
from facility.profile import Service
from facility.service.identity import keyring as module
from facility.service.identity.keyring import Keyring
from facility.service.identity.tokens import Tokens
from facility.service.scopes import PERSONAL

FACTS = Service(url="http://127.0.0.1:8400")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the keys lie."""
    return tmp_path / "keys"


class Later(datetime):
    """The time, an hour later at each look."""

    hours = 0

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # a test needs no more of it
        """See datetime."""
        cls.hours += 1
        return datetime.now(UTC) + timedelta(hours=cls.hours)


def test_the_first_key_is_made_secret_and_kept(folder: Path) -> None:
    """0600 in a 0700 directory, the same at the next start."""
    one, again = Keyring(folder), Keyring(folder)
    files = list(folder.iterdir())

    assert one.keys[0].kid == again.keys[0].kid
    assert [0o600] == [path.stat().st_mode & 0o777 for path in files]
    assert "private" not in repr(one)


def test_a_rotation_ends_no_token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key before is still published; the one before that is gone. A running service sees it at the next token."""
    monkeypatch.setattr(module, "datetime", Later)
    ring = Keyring(folder)
    tokens = Tokens(FACTS, ring)
    made = []
    for _ in range(3):
        made.append(tokens.mint("ana", PERSONAL, "cli").access_token)
        Keyring(folder).rotate()  # another process: the operator's command

    assert "ana" == tokens.verify(made[-1]).caller.user
    assert 2 == len(ring.jwks()["keys"]) == len(list(folder.iterdir()))
    with pytest.raises(NotSignedIn, match="not signed by this facility"):
        tokens.verify(made[0])


def test_a_second_rotation_waits_until_the_tokens_have_ended(folder: Path) -> None:
    """Two within ten minutes would end tokens that are alive."""
    with pytest.raises(Refused, match="eleven minutes"):
        Keyring(folder).rotate()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    """It is no secret any more."""
    Keyring(folder)
    next(folder.iterdir()).chmod(mode)

    with pytest.raises(ProfileError, match="read by others"):
        _ = Keyring(folder).keys


def test_a_directory_that_others_can_enter_is_refused(folder: Path) -> None:
    """Nor may they put a key of theirs there."""
    folder.mkdir(mode=0o755)

    with pytest.raises(ProfileError, match="0700"):
        Keyring(folder)


def test_what_is_no_key_is_refused(folder: Path) -> None:
    """The message names the file."""
    Keyring(folder)
    next(folder.iterdir()).write_bytes(b"-----BEGIN NONSENSE-----")

    with pytest.raises(ProfileError):
        _ = Keyring(folder).keys
