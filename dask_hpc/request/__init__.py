"""What is asked for, held against what there is, before anything is submitted: pure, and no user text goes further."""
