"""What this construct and its handler are compared with; all make the same certificate."""

from typing import Final

DESCRIPTION: Final = "backend"
TAGS: Final = {"team": "edge"}
TAG_LIST: Final = [{"Key": key, "Value": value} for key, value in TAGS.items()]
