"""Carrying what was learned in one domain over to another: fine-tuning, shared tasks, shift tests."""

from __future__ import annotations

from catena.ops.transfer.operation import OPERATION, transfer

__all__ = ["OPERATION", "transfer"]
