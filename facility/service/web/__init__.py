"""What goes over HTTP, whichever route it is: who may ask, how much, and how errors and long streams are answered."""
