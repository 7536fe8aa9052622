"""The form's stylesheet and script, for ever: their names change with their content."""

from __future__ import annotations

from tornado.web import HTTPError, RequestHandler

from spawners.form.files import page_files


class FilesHandler(RequestHandler):
    """GET /beamside/page/NAME. Nothing secret, so nobody is asked who they are."""

    def get(self, name: str) -> None:
        """The file, or 404 for a name that another version of beamside gave."""
        file = page_files().find(name)
        if file is None:
            raise HTTPError(404, "no such file; reload the page")
        self.set_header("Content-Type", file.media_type)
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(file.content)
