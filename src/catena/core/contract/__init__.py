"""The contract suite: what every model, ours or a plug-in's, must pass. No test framework needed."""

from catena.core.contract.report import CheckResult, ContractReport
from catena.core.contract.suite import CHECKS, check_model

__all__ = ["CHECKS", "CheckResult", "ContractReport", "check_model"]
