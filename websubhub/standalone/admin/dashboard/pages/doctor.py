"""The doctor: what of this hub works, what does not, and what is unsafe."""

from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError

_FIELDS = ("topic", "callback")


class DoctorPages:
    """Examines the hub when asked to.

    Args:
        operations: The operations of the admin API.
    """

    def __init__(self, operations: Operations) -> None:
        self._doctor = operations.doctor

    async def doctor(self, visit: Visit) -> View:
        """Show the form, and with a form what was found."""
        given = visit.filters(*_FIELDS) if visit.request.method == "POST" else dict.fromkeys(_FIELDS, "")
        found, refusal = None, ""
        if visit.request.method == "POST":
            if not visit.session.may_operate:
                raise OperationError(403, "The viewer token only looks, and the doctor calls others.")
            try:
                found = await answer_of(self._doctor.examine, given)
            except OperationError as error:
                refusal = str(error)
        values = {"found": found, "given": given, "refusal": refusal}
        return View(template="doctor.html", values=values, section="/settings")
