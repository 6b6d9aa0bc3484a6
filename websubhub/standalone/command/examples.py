"""The examples at the end of each subcommand's help."""

_EXAMPLES = {
    "serve": (
        "websubhub serve",
        "websubhub serve --host 0.0.0.0 --public-url https://hub.example.com/hub --config hub.toml",
        "websubhub serve --certfile chain.pem --keyfile key.pem --host :: --public-url https://hub.example.com/hub",
        "websubhub serve --unix-socket /run/websubhub/hub.sock --public-url https://hub.example.com/hub",
    ),
    "publish": (
        "websubhub publish https://example.com/feed news.json",
        "date | websubhub publish https://example.com/time - --content-type text/plain",
        "websubhub publish https://example.com/feed",
    ),
    "topics": ("websubhub topics --hub https://hub.example.com/hub",),
    "subscriptions": ("websubhub subscriptions --topic https://example.com/feed --json",),
    "messages": (
        "websubhub messages --topic https://example.com/feed",
        "websubhub messages 2f1c0a9e8b7d4c6f5a3e1d0b9c8f7a6e",
        "websubhub messages 2f1c0a9e8b7d4c6f5a3e1d0b9c8f7a6e --redeliver --callback https://sub.example/callback",
    ),
    "dead-letters": ("websubhub dead-letters", "websubhub dead-letters replay 17 18"),
    "verifications": ("websubhub verifications --given-up", "websubhub verifications retry --host sub.example"),
    "announcements": ("websubhub announcements", "websubhub announcements replay 4"),
    "doctor": (
        "websubhub doctor --config hub.toml",
        "websubhub doctor --topic https://example.com/feed --callback https://subscriber.example/callback",
    ),
    "completion": (
        "websubhub completion bash > ~/.local/share/bash-completion/completions/websubhub",
        "websubhub completion zsh > ~/.zfunc/_websubhub",
    ),
}


def examples_of(command: str) -> str | None:
    """Return the examples of a subcommand as text, or None if it has none."""
    lines = _EXAMPLES.get(command)
    return "\n  ".join(("examples:", *lines)) if lines else None
