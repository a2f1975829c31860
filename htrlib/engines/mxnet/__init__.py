"""The networks as Gluon blocks of Apache MXNet, and the engine that runs them."""
