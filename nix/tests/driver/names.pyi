# The names that nixpkgs' test driver gives to a script, with their types. Those of its machines are added.
from typing import Callable, ContextManager

from test_driver.machine import BaseMachine as BaseMachine
from test_driver.machine import NspawnMachine as NspawnMachine
from test_driver.machine import QemuMachine as QemuMachine
from test_driver.machine import retry as retry

start_all: Callable[[], None]
join_all: Callable[[], None]
subtest: Callable[[str], ContextManager[None]]
machines: list[BaseMachine]
