"""E-mail to the owner's own account, by the site's sendmail command."""

from __future__ import annotations

import json
import os
import time
from email.message import EmailMessage

from facility.errors import FacilityError, OptionError
from facility.providers.slurm.run import DirectRunner
from facility.service.callbacks.sending import SECONDS, Outcome
from facility.service.callbacks.wishes import MAIL


class Mailer:
    """Sends by `argv` with the recipient as its last word, the message on standard input (sendmail(8))."""

    def __init__(self, argv: tuple[str, ...], domain: str) -> None:
        self._argv = argv
        self._domain = domain
        self._run = DirectRunner({"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"})

    def address(self, owner: str, wanted: str) -> str:
        """The URL of a subscription by e-mail. Raises OptionError for any address but the owner's own."""
        if not self._argv:
            raise OptionError("email", "this facility sends no e-mail; give a url to be called back at instead")
        own = {owner, f"{owner}@{self._domain}"} if self._domain else {owner}
        if wanted not in own:
            raise OptionError("email", f"e-mail goes to your own account only: {' or '.join(sorted(own))}")
        return f"{MAIL}{owner}"

    async def send(self, url: str, headers: dict[str, str], body: str) -> Outcome:
        """See `facility.service.callbacks.delivering.Send`."""
        owner = url.removeprefix(MAIL)
        recipient = f"{owner}@{self._domain}" if self._domain else owner
        began = time.monotonic()
        try:
            message = _message(recipient, headers["webhook-id"], body)
            done = await self._run.run([*self._argv, recipient], user=None, stdin=message, timeout=SECONDS)
        except FacilityError as error:
            return Outcome(0, str(error)[:300], time.monotonic() - began)
        words = done.stderr.decode(errors="backslashreplace").strip()[:200]
        failed = f"{self._argv[0]} ended with {done.returncode}: {words}" if done.returncode else ""
        return Outcome(0 if failed else 250, failed, time.monotonic() - began)


def _message(recipient: str, id_: str, body: str) -> bytes:
    """Subject and text are made of what the event says; the library refuses line ends in a header."""
    told = json.loads(body)
    data = told["data"]
    what = " ".join(f"{data[key]}" for key in ("id", "name") if data.get(key))
    message = EmailMessage()
    message["To"] = recipient
    message["Subject"] = "".join(c if c.isprintable() else "?" for c in f"{told['type']}: {what}")[:200]
    message["Message-ID"] = f"<{id_}@beamside>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5
    message.set_content(json.dumps(told, indent=2))
    return message.as_bytes()
