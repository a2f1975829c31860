"""The server: pictures over HTTP to text, as SageMaker calls it and as `htr serve` starts it.

::

    client ── gateway (asyncio, the public port) ── Multi Model Server (Java, a Unix socket)
                  │                                        │
              supervisor                            one listener a model, which has loaded it
              starts, watches and                          │  forks
              restarts all of the right               workers: handler -> stages -> answer

``docs/serving.md`` has the requests and answers, ``docs/security.md`` what is trusted. What only
the server needs is the extra `serve`; nothing of the library imports this package but the command
line.
"""
