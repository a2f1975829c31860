"""The HTTP server that reads pictures, for `htr serve` and for SageMaker.

::

    client ── gateway (asyncio, the public port) ── Multi Model Server (Java, a Unix socket)
                  │                                        │
              supervisor                            one listener per model, which has loaded it
              starts, watches and                          │  forks
              restarts the right side                 workers: handler -> stages -> answer

``docs/serving.md`` documents requests and answers, ``docs/security.md`` the trust model. The extra
`serve` installs the dependencies. Only the command line imports this package.
"""
