"""identity: who somebody is, tokens that say so, and the proofs by which others act in a person's name."""
