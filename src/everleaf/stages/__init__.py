"""The stages, and the one place where their modules are listed."""

from collections.abc import Mapping

from everleaf.core.lifecycle import Stage
from everleaf.stages import confirm, install, order, reload, validate, verify
from everleaf.stages.contract import StageModule

STAGES: Mapping[Stage, StageModule] = {
    Stage.ORDER: order,
    Stage.VALIDATE: validate,
    Stage.VERIFY: verify,
    Stage.INSTALL: install,
    Stage.RELOAD: reload,
    Stage.CONFIRM: confirm,
}

REHEARSAL: Mapping[Stage, StageModule] = {
    stage: STAGES[stage] for stage in (Stage.ORDER, Stage.VALIDATE, Stage.VERIFY)
}
