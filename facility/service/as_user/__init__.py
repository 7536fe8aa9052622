"""What is done in people's names: the root helper, its worker, and what asks them."""
