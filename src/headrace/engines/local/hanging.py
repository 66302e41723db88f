"""When a process hangs: the rule for templates and pods alike."""

from __future__ import annotations

from dataclasses import dataclass

_IDLE_SHARE = 0.01
_CLOCK_S = 0.02  # processor time is counted in hundredths of a second


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process of ours may take.

    Attributes:
        start_s: Seconds until user code is imported, and until its function is called.
        look_s: Seconds between two looks at a process that is in use.
        hang_s: Seconds without an answer, and without use of the processor, after which it hangs.
        busy_hang_s: Seconds without an answer after which it hangs although it is busy.
    """

    start_s: float = 300.0
    look_s: float = 1.0
    hang_s: float = 5.0
    busy_hang_s: float = 60.0


def why_it_hangs(who: str, silent_s: float, used_s: float, patience: Patience) -> str | None:
    """Return why a process hangs, or None if it does not.

    Args:
        who: What did not answer, for the text.
        silent_s: Seconds that it owes an answer.
        used_s: Processor time that it has used meanwhile.
        patience: How long it may take.
    """
    if silent_s <= patience.hang_s:
        return None
    if used_s <= _CLOCK_S + _IDLE_SHARE * silent_s:
        return f"{who} neither answered nor worked for {silent_s:.1f} s"
    if silent_s > patience.busy_hang_s:
        return f"{who} was kept busy by native code for {silent_s:.1f} s"
    return None
