"""The life of a subscription: asked for, verified, renewed, ended."""
