"""The filter that keeps the rows of one subscription, which addresses name by a reference."""

from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.visits import Visit
from websubhub.standalone.admin.parameters import OperationError


def subscription_of(visit: Visit, references: References) -> dict[str, str]:
    """Return the topic and the callback that an address refers to, or nothing if it refers to none.

    Raises:
        OperationError: This hub has not made the reference, or has another key since.
    """
    reference = visit.field("ref")
    if not reference:
        return {}
    found = references.subscription(reference)
    if found is None:
        raise OperationError(404, "This address is of another hub, or from before its token was changed.")
    return {"topic": found[0], "callback": found[1]}
