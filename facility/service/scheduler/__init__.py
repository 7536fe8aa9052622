"""What the scheduler says, asked once for everybody: one process polls, others follow, listeners hear of changes."""
