"""The lifecycle of a subscription: requested, verified, renewed, ended."""
