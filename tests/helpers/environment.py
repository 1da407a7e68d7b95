"""Variables of the caller's environment that change what programs print."""

TERMINAL_VARIABLES = (
    *("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "COLORTERM", "TERM"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES"),
)
