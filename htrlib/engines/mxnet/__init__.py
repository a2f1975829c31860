"""The networks as Gluon blocks of Apache MXNet, and what runs them."""
