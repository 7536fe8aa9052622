# Run the Python of the packed environment that this node has; what follows are its arguments.
own="$BEAMSIDE_ENVIRONMENT/$SLURMD_NODENAME/bin"
PATH="$own:$PATH"
export PATH
exec "$own/python3" "$@"
