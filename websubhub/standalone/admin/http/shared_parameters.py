"""The parameters that several routes of the admin API share."""

from websubhub.standalone.admin.http.route import Parameter
from websubhub.standalone.admin.http.schemas import FLAG, TEXT, Schema

COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
URL = {"type": "string", "format": "uri"}
IDS: Schema = {"type": "array", "items": COUNT, "minItems": 1, "maxItems": 1_000}
NAMES: Schema = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": 128},
    "minItems": 1,
    "maxItems": 1_000,
}

LIMIT = Parameter(name="limit", text="The size of the page, 100 by default and at most 1000.", schema=COUNT)
AFTER = Parameter(name="after", text="The next value from the previous page.", schema=TEXT)
PAGE = (AFTER, LIMIT)
TOPIC = Parameter(name="topic", text="Only for this topic.", schema=URL)
HOST = Parameter(
    name="host", text="Only for callbacks on this host; include the port unless it is 80 or 443.", schema=TEXT
)
CALLBACK = Parameter(name="callback", text="Only for this callback.", schema=URL)
REASON = Parameter(name="reason", text="Only with exactly this reason.", schema=TEXT)
THE_TOPIC = Parameter(name="url", text="The topic.", schema=URL, required=True)
THE_PAIR = (
    Parameter(name="topic", text="The topic of the subscription.", schema=URL, required=True),
    Parameter(name="callback", text="Its callback.", schema=URL, required=True),
)
THE_HOST = Parameter(
    name="host",
    text="The host in any spelling; include the port unless it is 80 or 443.",
    schema=TEXT,
    required=True,
)
THE_IDS = Parameter(name="ids", text="The ids, from 1 to 1000 of them.", schema=IDS, required=True)
THE_NAMES = Parameter(name="ids", text="The ids, from 1 to 1000 of them.", schema=NAMES, required=True)
LETTERS_MEANT = (
    Parameter(name="ids", text="The ids, from 1 to 1000 of them, instead of a filter.", schema=IDS),
    TOPIC,
    HOST,
    CALLBACK,
    REASON,
    Parameter(name="all", text="Whether to include all, if there is no filter.", schema=FLAG),
    Parameter(name="expected", text="How many must match the filter; otherwise nothing is done.", schema=COUNT),
)
