"""What section 8 of W3C WebSub asks of both sides, and what it leaves to their good sense."""

REQUIREMENTS = {
    "SEC-01": "8: HTTPS is used for all requests.",
    "SEC-02": "8.2: A subscriber prefers the HTTPS form of a hub's URL.",
    "SEC-03": "8.2: Callbacks cannot be guessed and use HTTPS.",
    "SEC-04": "8.2: A subscriber uses a secret.",
    "SEC-05": "8.2: Leases are short.",
    "SEC-06": "8.2: A challenge is random and used once.",
    "SEC-07": "8.2: The answer to a verification has a media type that no browser runs.",
    "SEC-08": "8.2: The answer to a verification has X-Content-Type-Options: nosniff.",
    "SEC-09": "8.2: A subscriber restricts the challenges that it repeats.",
    "SEC-10": "8.3: A hub uses exactly the callback, its scheme included.",
    "SEC-11": "8.3: A hub signs when a secret was given.",
    "SEC-12": "8.3: A subscriber discards what fails the check of the signature.",
    "SEC-13": "8.3: SHA-256 or better is used where the transport is not trusted.",
    "SEC-14": "8.1: HTML discovery looks in the head only.",
    "SEC-15": "A hub calls no address that is not public, even if a name or a redirect leads there.",
    "SEC-16": "A hub cannot be made to flood a callback with verification requests.",
    "SEC-17": "Challenges are compared in constant time, and no secret is shown.",
    "SEC-18": "A lease or a secret that a stranger asks for has no effect before verification.",
}

ELSEWHERE: dict[str, str] = {}
