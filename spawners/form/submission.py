"""What will be submitted, as text to read: sbatch's arguments and the operator's script. Pure; nothing secret is in it.

The job's name, comment and log are the hub's own and belong to one start: they are not known before it.
"""

from __future__ import annotations

import shlex

from facility.models import JobRequest
from facility.script import sbatch_options


def submission(request: JobRequest, template: str) -> str:
    """The command with one argument a line, and the template with its places as the operator wrote them."""
    argv = ["sbatch", *(shlex.quote(option) for option in sbatch_options(request))]
    return " \\\n    ".join(argv) + "\n\n" + template.strip() + "\n"
