"""The peers of this construct and its handler. All of them issue the same certificate."""

from typing import Final

DESCRIPTION: Final = "backend"
TAGS: Final = {"team": "edge"}
TAG_LIST: Final = [{"Key": key, "Value": value} for key, value in TAGS.items()]
