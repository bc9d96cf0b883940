"""The whole server is killed at random moments under load, again and again, and started again each time. Every message
that got a 250 arrives whole; nothing is torn and nothing invented. Duplicates are counted: they may be as many as were
on their way when the server died.

CRASH_ROUNDS and CRASH_SEED choose how often, and repeat what happened.
"""

import os
import random
import time
import unittest

import load
from harness import Postern
from sink import Sink

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "40"))
SEED = os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1_000_000)))


class AServerThatIsKilledAtAnyMoment(unittest.TestCase):
    def test_keeps_what_it_acknowledged_and_nothing_else(self):
        print(f"\nCRASH_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        loads = []
        with Sink() as sink, Postern(route=[{"via": f"smtp://{sink.address}"}]) as server:
            for round in range(ROUNDS):
                if round > 0:
                    server.start()
                loads.append(load.Load(server, sessions=8, seed=f"{SEED} {round}").start())
                # In every third round the roles have just begun to serve, or to recover.
                time.sleep(chance.uniform(0, 0.2) if round % 3 == 2 else chance.uniform(0.2, 1.5))
                server.kill_all()
                loads[-1].stop()
            server.start()
            outcome = load.wait_and_reckon(self, loads, sink, server)
            print(f"\n{ROUNDS} rounds of kill -9: {outcome}", flush=True)
            self.assertGreater(sum(len(one.acknowledged) for one in loads), 5 * ROUNDS, "hardly any load")
