"""One router a microservice."""
