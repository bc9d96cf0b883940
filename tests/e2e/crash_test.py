"""The server is killed with SIGKILL at random moments under load, again and again: all of it, and then it is started again;
or one role, or two at once, and then it must come back by itself. Every message that got a 250 arrives whole; nothing is
torn and nothing invented (statement 48). Duplicates are counted: they may be as many as were on their way when the server
died.

CRASH_ROUNDS and CRASH_SEED choose how often, and repeat what happened.
"""

import collections
import contextlib
import os
import random
import signal
import time
import unittest

import load
from harness import Postern
from sink import Sink

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
ROLES = ("queue-0", "queue-0", "smtpd-0", "smtpd-1", "delivery-0", "auth-0")  # the queue is killed most
SEED = os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1_000_000)))


class AServerThatIsKilledAtAnyMoment(unittest.TestCase):
    def test_keeps_what_it_acknowledged_and_nothing_else(self):
        print(f"\nCRASH_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        self.kills = collections.Counter()
        loads = []
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}],
                                     limits={"smtpd_processes": 2}) as server:
            for number in range(ROUNDS):
                loads.append(load.Load(server, sessions=8, seed=f"{SEED} {number}").start())
                # In every third round the roles have just begun to serve, or to recover.
                time.sleep(chance.uniform(0, 0.2) if number % 3 == 2 else chance.uniform(0.2, 1.5))
                if number % 2 == 0:
                    self.kill_all(server)
                else:
                    self.kill_roles(server, chance)
                loads[-1].stop()
            outcome = load.wait_and_reckon(self, loads, sink, server)
            print(f"\n{ROUNDS} rounds of kill -9 ({dict(self.kills)}): {outcome}", flush=True)
            self.assertGreater(sum(len(one.acknowledged) for one in loads), 5 * ROUNDS, "hardly any load")

    def kill_all(self, server):
        server.kill_all()
        self.kills["all"] += 1
        server.start()

    def kill_roles(self, server, chance):
        """One or two at the same instant. Their successors may themselves still be starting at the next kill."""
        for role in sorted({chance.choice(ROLES) for _ in range(chance.randint(1, 2))}):
            # It may be dead already, and its successor not there yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid_of(role), signal.SIGKILL)
                self.kills[role] += 1
        time.sleep(chance.uniform(0, 0.5))
