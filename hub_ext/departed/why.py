"""Why a sign-in does not count any more, in the words that its person reads."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """What has ended."""

    HOME = "home"
    INSTITUTION = "institution"
    LINK = "link"
    ACCOUNT = "account"


WORDS = {
    Why.HOME: "Your home institution no longer vouches for the sign-in by which you were here.",
    Why.INSTITUTION: "This facility no longer takes sign-ins of your home institution.",
    Why.LINK: "Your sign-in is no longer linked to your account here.",
    Why.ACCOUNT: "Your account here can no longer be used.",
}

NEXT = {
    Why.HOME: "Sign in again. If your institution refuses, ask its help desk.",
    Why.INSTITUTION: "Sign in by another institution that is linked to your account.",
    Why.LINK: "Sign in again and link it anew, or sign in by another one that is linked.",
    Why.ACCOUNT: "Only the people who run this facility can open it again.",
}


class Departed(Exception):
    """Certain word, from the institution or the facility, that a sign-in counts no more.

    `told` is what they said, for operators; somebody who merely does not answer has said nothing.
    """

    def __init__(self, why: Why, told: str) -> None:
        super().__init__(told)
        self.why = why
        self.told = told[:300]
