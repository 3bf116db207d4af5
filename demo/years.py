"""Lets years pass in an account whose certificate rotates, and checks what happens."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from local_aws import LocalAws

from .caller import Caller, Calls, Stage
from .demo import DemoError
from .moved_clock import MovedClock
from .observing import observe
from .reloading_backends import ReloadingBackends
from .timeline import Moment

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
ROTATE_BEFORE_EXPIRY: Final = 60 * DAY
"""The construct's default, as is the next one."""
OVERLAP: Final = 14 * DAY
LOAD_INTERVAL: Final = 7 * DAY
"""How long a backend waits before it loads the parameter again."""
HELD_HOURS: Final = 3
"""How long a rotation is held before the alarm fires."""
HELD: Final = 21 * DAY
"""How long it takes somebody to react to the alarm."""


class Years:
    """The time of an account and of its backends, which passes in steps.

    In each step the rotation runs once an hour for an hour or a few, and then a line is printed.

    Args:
        aws: The account.
        parameter: The name of its trust bundle.
        stages: Its stages.
        backends: Their backends, which have loaded the parameter.
        clock: The backends' clock.
        caller: Calls the stages.
        step: Prints a step.

    Attributes:
        moments: What was there after each step.
    """

    def __init__(
        self,
        aws: LocalAws,
        parameter: str,
        stages: list[Stage],
        backends: ReloadingBackends,
        clock: MovedClock,
        caller: Caller,
        step: Callable[[str], None],
    ) -> None:
        self._aws, self._parameter, self._stages = aws, parameter, stages
        self._backends, self._clock, self._caller, self._step = backends, clock, caller, step
        self._loaded = aws.now()
        self.moments = [observe(aws, parameter, stages, caller.take())]

    @property
    def now(self) -> datetime:
        """The time after the last step."""
        return self.moments[-1].time

    @property
    def calls(self) -> Calls:
        """All calls so far."""
        return sum(chain.from_iterable(it.calls.values() for it in self.moments), Calls())

    def pass_until(self, time: datetime, hours: int = 1, slow: Collection[str] = ()) -> None:
        """Jump to a time, from which on the rotation runs each hour for a number of hours.

        Args:
            time: The time.
            hours: The number.
            slow: The backends that do not load the parameter, by name.

        Raises:
            DemoError: A call was refused, or a run failed.
        """
        # The backends are ahead, so that no certificate is from the future.
        self._clock.set(time + hours * HOUR + timedelta(seconds=1))
        if time - self._loaded >= LOAD_INTERVAL:
            self._backends.load(self._backends.servers.keys() - slow)
            self._loaded = time
        self._aws.set_clock(time)
        runs = self._aws.advance(hours * HOUR)
        moment = observe(self._aws, self._parameter, self._stages, self._caller.take())
        self._step(f"day {self._day(moment)}: {describe(self.moments[-1], moment)}")
        self.moments.append(moment)
        for run in runs:
            if run.error:
                raise DemoError(f"day {self._day(moment)}: a run failed: {run.error}")
        if self.calls.refused:
            raise DemoError(
                f"day {self._day(moment)}: {self.calls.refused} calls were refused: "
                f"{self.calls.failure}"
            )

    def rotate(self, slow: Collection[str] = ()) -> None:
        """Let the time pass until a rotation has ended.

        Args:
            slow: The backends that load the parameter only after the alarm has fired, by name.

        Raises:
            DemoError: A call was refused, or a step of the rotation did not happen in time.
        """
        [old] = self.moments[-1].generations
        new, due, idle_since = old.number + 1, old.expires - ROTATE_BEFORE_EXPIRY, self.now
        for part in (1, 2, 3):
            self.pass_until(idle_since + (due - DAY - idle_since) * part / 3)
        self._expect(bundle=[old.number], presented=old.number)
        self.pass_until(due)
        self._expect(bundle=[old.number, new], presented=old.number)
        published = self.now
        self.pass_until(published + LOAD_INTERVAL, slow=slow)
        self.pass_until(published + OVERLAP - DAY, slow=slow)
        self._expect(bundle=[old.number, new], presented=old.number)
        self.pass_until(published + OVERLAP, slow=slow)
        if slow:
            self._hold(old.number, new, slow)
        self._expect(bundle=[new, old.number], presented=new)
        switched = self.now
        self.pass_until(switched + LOAD_INTERVAL)
        self.pass_until(switched + OVERLAP - DAY)
        self._expect(bundle=[new, old.number], presented=new)
        self.pass_until(switched + OVERLAP)
        self._expect(bundle=[new], presented=new)

    def _hold(self, old: int, new: int, slow: Collection[str]) -> None:
        """Let the alarm fire, and then the backend load the parameter."""
        self._expect(bundle=[old, new], presented=old)
        self.pass_until(self._aws.now(), HELD_HOURS, slow)
        self._expect(bundle=[old, new], presented=old, held=True)
        self.pass_until(self.now + HELD, slow=slow)
        self._expect(bundle=[old, new], presented=old, held=True)
        self._backends.load(slow)
        self._step(f"{', '.join(slow)} loads the parameter")
        self.pass_until(self._aws.now(), hours=2)

    def _expect(self, *, bundle: list[int], presented: int, held: bool = False) -> None:
        """Raise `DemoError` unless generations, bundle, stages and alarm are as expected."""
        moment = self.moments[-1]
        expected = (sorted(bundle), bundle, {it.name: presented for it in self._stages}, held)
        numbers = [it.number for it in moment.generations]
        found = (numbers, list(moment.bundle), moment.presents, moment.held)
        if found != expected:
            raise DemoError(
                f"day {self._day(moment)}: certificates, bundle, stages and alarm are {found}, "
                f"not {expected}"
            )

    def _day(self, moment: Moment) -> int:
        return (moment.time - self.moments[0].time) // DAY


def describe(before: Moment, now: Moment) -> str:
    """Return what has changed from one moment to the next, and how the calls went."""
    issued = [it.number for it in now.generations if it not in before.generations]
    deleted = [it.number for it in before.generations if it not in now.generations]
    switched: dict[int, list[str]] = {}
    for stage, number in now.presents.items():
        if before.presents.get(stage) != number:
            switched.setdefault(number, []).append(stage)
    events = [f"certificate {number} is issued and published" for number in issued]
    events += [
        f"certificate {number} is presented by {', '.join(stages)}"
        for number, stages in switched.items()
    ]
    events += [f"certificate {number} is deleted" for number in deleted]
    if now.held != before.held:
        events.append(f"the alarm RotationHeld {'fires' if now.held else 'ends'}")
    calls = sum(now.calls.values(), Calls())
    handshakes = f"{calls.accepted:,} handshakes, {calls.refused:,} refused"
    return f"{'; '.join(events) or 'no change'} ({handshakes})"
