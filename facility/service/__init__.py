"""The reference facility service: one FastAPI application, one router a microservice, one poller of the scheduler."""
