"""AutoAugment in DeepVoltaire's much-used transcription, as golden vectors have it: solarisation
from 256, not 255."""

from __future__ import annotations

from augcli.operations.magnitudes import TORCHVISION_AUTOAUGMENT

DEEPVOLTAIRE = TORCHVISION_AUTOAUGMENT._replace(
    formulas={
        **TORCHVISION_AUTOAUGMENT.formulas,
        "Solarize": lambda level, _side: 256.0 - 256.0 * (level / 9),
    }
)
