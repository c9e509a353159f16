"""How long clients are without an active server, measured by hand: `python tests/interop/failover_times.py [RUNS]`.

The time counts from the fault to the first answer 200 of the other server's sys/health, asked every 50 ms.
"""

import pathlib
import statistics
import sys
import tempfile

from backends import Backends
from vault_cluster import HA_STORES, VaultCluster


def measure(store, runs, backends):
    with tempfile.TemporaryDirectory(prefix="trustkeep-failover-") as folder:
        cluster = VaultCluster(store, pathlib.Path(folder), backends).start()
        for fault in ("kill -9", "SIGTERM", "step-down"):
            seconds = []
            for _ in range(runs):
                active, other = cluster.active(), cluster.standby()
                faults = {
                    "kill -9": active.kill,
                    "SIGTERM": active.process.terminate,
                    "step-down": lambda node=active: node.request("PUT", "sys/step-down"),
                }
                seconds.append(cluster.failover(faults[fault], [other]))
                if fault == "SIGTERM":
                    active.stop()
                if fault != "step-down":
                    cluster.restart(active)
                cluster.standby()
            print(
                f"{store:15} {fault:10} min {min(seconds):5.2f} s  median {statistics.median(seconds):5.2f} s  "
                f"max {max(seconds):5.2f} s  ({runs} runs)",
                flush=True,
            )
        cluster.stop()


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    backends = Backends()
    try:
        for store in HA_STORES:
            measure(store, runs, backends)
    finally:
        backends.stop()


if __name__ == "__main__":
    main()
