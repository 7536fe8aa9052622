"""The form's two files, each under a name for ever."""

from __future__ import annotations

import hashlib

from spawners.form.files import page_files


def test_a_name_holds_the_hash_of_what_it_leads_to() -> None:
    """So that a browser that has the name needs no other question."""
    style = page_files().style

    assert f"form-{hashlib.sha256(style.content).hexdigest()[:16]}.css" == style.name
    assert page_files().find(style.name) is style


def test_another_name_leads_nowhere() -> None:
    """Neither a former version's nor a path."""
    assert [None] * 3 == [page_files().find(name) for name in ("form-0000000000000000.css", "..", "form.css")]


def test_the_script_was_built() -> None:
    """From TypeScript, by the wheel's build or by `jlpm build:form`; without it the form is not live."""
    script = page_files().script

    assert script is not None
    assert b"import" not in script.content[:20]
