"""b2bua.demo.__main__: a service that does not work is not called one that does."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2bua.demo import installation
from b2bua.demo.__main__ import main

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]


def test_a_service_that_does_not_start_fails_loudly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "b2bua"
    program.write_text("#!/bin/sh\necho out of order\nexit 4\n")
    program.chmod(0o755)
    monkeypatch.setattr(installation, "program", lambda: str(program))
    assert main() == 1
    shown = capsys.readouterr().out
    assert "NOT AS IT SHOULD BE: 1 of 2 checks failed" in shown
    assert "ended with exit status 4" in shown and "out of order" in shown
    assert "✓ the phones ended too (0, 0, 0, 0)" in shown
