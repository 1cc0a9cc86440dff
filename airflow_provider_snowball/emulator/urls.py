"""snowball base URL and path."""

from .links import PATH
from .responses import SnowballResponse, serve_file

url_bases = [
    r"https?://snowball\.(.+)\.amazonaws\.com",
]

url_paths = {
    "{0}/$": SnowballResponse.dispatch,
    f"{{0}}{PATH}.+": serve_file,
}
