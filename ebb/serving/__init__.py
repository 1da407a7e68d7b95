"""Local web servers of both packages: addresses, checks of requests, limits, tokens, files, durable writes.

``starlette`` and ``uvicorn`` are optional; call :func:`ebb.serving.packages.check_packages` before other
modules of this folder are imported.
"""
