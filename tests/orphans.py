"""Ending all that a killed program has left running, as a reboot does: for tests that kill and run again."""
import ctypes
import os
import signal

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans(on):
    """Whether processes whose parent died become children of this one."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def end_orphans():
    """
    A reboot ends the tools too, in the middle of what they do. All of them are our children by now, and are
    gone when there is no child left: a search by name would miss one that was just being started.
    """
    while True:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
                if parent == os.getpid():
                    os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass  # it ended meanwhile
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
