"""The one program that acts as a person: started as that person by the root helper, or by the one user that there is.

Standard library only. Installed root-owned beside the helper by `libexec`, and run as a directory:
`python3 -IS as_user_worker 3`. The request, one JSON object, waits at a descriptor whose number is the argument::

    {"verb": "ls", "arguments": ["/home/ana"], "input": "", "timeout": 60.0,
     "commands": {"sbatch": "/usr/bin/sbatch"}, "environment": {"PATH": "/usr/bin:/bin"}, "roots": [], "shell": false}

What follows on standard input and output are frames (see `frames`). Whatever cannot be done is told in the last frame.
"""
