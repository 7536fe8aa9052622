"""What runs in the scheduler's process: it keeps the blocks as they are wished for, also with every kernel dead."""
