"""The short form of `./just chaos`: callers and upstreams that fail at random points while policies change."""

import os

import chaos


def test_nothing_leaks_and_nothing_is_lost_while_all_around_fails():
    seconds = float(os.environ.get("HEMOSTAT_CHAOS_SECONDS", "40"))
    # Twice without a kill in between, or memory could not be compared.
    calm = chaos.Run(seconds / 2, seed=11, streams=48, kills=0)
    calm.run()
    assert not calm.wrong, "\n".join(calm.wrong[:5])
    killed = chaos.Run(seconds / 2, seed=12, streams=48, kills=2)
    killed.run()
    assert not killed.wrong, "\n".join(killed.wrong[:5])
    assert calm.table["whole and right"] > 100
    # The second comes only where the proxy has been up again in time.
    assert killed.table["kill -9"] in (1, 2)
