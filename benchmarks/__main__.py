"""
Run the benchmarks: all of them, which also writes RESULTS.md, or those that are named.

Ends with 1 if a target is missed.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile

from benchmarks.report import RESULTS, save, text_of

BENCHMARKS = ("list_jobs", "import_cost", "waits", "throttled", "triggerer", "emulator")


def main(names: list[str]) -> int:
    """Run what is named, everything if nothing is, and print what was found."""
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="snowball-bench-") as home:
        os.environ |= {"AIRFLOW_HOME": home, "AWS_EC2_METADATA_DISABLED": "true"}
        logging.disable(logging.INFO)
        results = []
        for name in names or BENCHMARKS:
            result = importlib.import_module(f"benchmarks.{name}").run()
            print(text_of(result), flush=True)
            results.append(result)
            if not names:
                # After each: what took half an hour must not be lost with the last.
                save(results)
    if not names:
        print(f"written to {RESULTS.name}")
    return 0 if all(target.reached for result in results for target in result.targets) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
