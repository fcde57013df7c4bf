"""Nobody is told, because no alert is configured; exit status and log say it all the same."""

from collections.abc import Mapping

from everleaf.core.alerting import Alert


class Nobody:
    """`ports.Alerts` without a channel."""

    def send(self, alert: Alert, context: Mapping[str, object]) -> None:
        """Tell nobody."""
