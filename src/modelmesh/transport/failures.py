"""What goes wrong between us and a vendor, in the words that every transport has for it.

The words of libraries may hold keys or addresses. They are never repeated.
"""

from typing import Final

from modelmesh.errors import ErrorKind

Failure = tuple[ErrorKind, str]

TIMED_OUT: Final = (ErrorKind.TIMEOUT, "connecting to the vendor timed out")
NO_SUCH_HOST: Final = (ErrorKind.UNREACHABLE, "the vendor's host name was not found")
NOT_SECURE: Final = (ErrorKind.UNREACHABLE, "no secure connection to the vendor could be made")
NO_CONNECTION: Final = (ErrorKind.UNREACHABLE, "the vendor could not be connected to")
HUNG_UP: Final = (ErrorKind.UNREACHABLE, "the vendor closed the connection without answering")
NO_URL: Final = (ErrorKind.UNREACHABLE, "the vendor's address is not a URL")
NOT_HTTP: Final = (ErrorKind.UNREACHABLE, "the vendor's address is not HTTP")
CLOSED: Final = (ErrorKind.UNREACHABLE, "the connection to the vendor was closed")
UNSOUND: Final = (ErrorKind.BAD_ANSWER, "the vendor's reply is not valid HTTP")
UNKNOWN_CODING: Final = (ErrorKind.BAD_ANSWER, "the vendor's reply has an unknown encoding")
BROKE_OFF: Final = (ErrorKind.STREAM_INCOMPLETE, "the vendor's reply broke off")
