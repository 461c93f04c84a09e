"""Values: small attrs classes whose fields do not change once they are made.

mypy sees to that, and nothing else does: making an instance of a class that guards itself takes
twice as long, and a request makes a dozen, which would be a twelfth of what it costs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from attrs import define as value

__all__ = ["value"]
