"""snowball base URL and paths, those of the files behind links among them."""

from ..api.urls import url_bases
from .links import PATH
from .responses import SnowballResponse, serve_file

__all__ = ["url_bases", "url_paths"]

url_paths = {
    "{0}/$": SnowballResponse.dispatch,
    f"{{0}}{PATH}.+": serve_file,
}
