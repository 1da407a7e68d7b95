"""Makes the decoder crash or hang on files that ask for it. Put on PYTHONPATH for one run."""

import os
import sys
import time

if "EBB_TEST_CRASH" in os.environ and "multiprocessing.forkserver" in " ".join(sys.argv + sys.orig_argv):
    import ebb.photo.probe

    _probe = ebb.photo.probe.probe

    def _crash(data: bytes, suffix: str, max_megapixels: float) -> object:
        if b"EBB-TEST-ABORT" in data:
            os.abort()
        if b"EBB-TEST-HANG" in data:
            time.sleep(1000)
        return _probe(data, suffix, max_megapixels)

    ebb.photo.probe.probe = _crash
