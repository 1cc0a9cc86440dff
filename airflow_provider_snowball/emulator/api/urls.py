"""snowball base URL and path."""

from .responses import SnowballResponse

url_bases = [
    r"https?://snowball\.(.+)\.amazonaws\.com",
]

url_paths = {
    "{0}/$": SnowballResponse.dispatch,
}
