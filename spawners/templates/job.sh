#!/bin/bash
# A notebook server's batch job. Admin text only: what a person chose is in sbatch's arguments, never here.
{% if gres %}#SBATCH --gres={{ gres }}
{% endif %}{% if options %}#SBATCH {{ options }}
{% endif %}set -e
server="" why=""
ended() { {{ ended }} $why || true; }
trap ended EXIT
# Slurm's warning before the walltime is used up: the server ends in order, so that kernels close their files
trap 'why=walltime; [ -z "$server" ] || kill -TERM "$server"' USR1
{{ prologue }}
{{ cmd }} &
server=$!
while true; do
    status=0
    wait "$server" || status=$?
    kill -0 "$server" 2>/dev/null || break  # it lives on where only a signal ended the waiting
done
[ "$status" -eq 0 ] || exit "$status"
{{ epilogue }}
