#!/usr/bin/python3
"""Faults in the calls by which a program changes files: the Nth one fails, or the program dies before it.

    command = syscall_faults.launcher(log, Fault(nth=17, then="KILL"), [program, ...])
    subprocess.run(command)
    syscall_faults.read(log)   # [Call("renameat", "/tree/a.part"), ...], what the program did up to there

Calls are counted over all threads of the program, in the order in which the kernel sees them; what its children do
is not counted. (strace counts those of each thread by themselves, so that most calls of a program with threads
have no number of their own.) Calls on sockets, pipes and terminals are no changes of files.

`then` is KILL, TERM or INT, for the whole program; or the name of an error, which the call fails with.

By seccomp and ptrace; on x86-64 alone, and not where either is forbidden: `why_not` tells.
"""

import argparse
import ctypes
import errno
import fnmatch
import functools
import json
import os
import platform
import signal
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

# Where its arguments tell the file: a descriptor; a directory and a name; a name; or the second of two such.
BY_DESCRIPTOR, BY_PLACE, BY_NAME, BY_NEW_PLACE, BY_NEW_NAME = range(5)
CALLS = {
    "write": (1, BY_DESCRIPTOR),
    "pwrite64": (18, BY_DESCRIPTOR),
    "writev": (20, BY_DESCRIPTOR),
    "sendfile": (40, BY_DESCRIPTOR),
    "fsync": (74, BY_DESCRIPTOR),
    "fdatasync": (75, BY_DESCRIPTOR),
    "truncate": (76, BY_NAME),
    "ftruncate": (77, BY_DESCRIPTOR),
    "rename": (82, BY_NAME),
    "mkdir": (83, BY_NAME),
    "rmdir": (84, BY_NAME),
    "creat": (85, BY_NAME),
    "link": (86, BY_NEW_NAME),
    "unlink": (87, BY_NAME),
    "symlink": (88, BY_NEW_NAME),
    "openat": (257, BY_PLACE),
    "mkdirat": (258, BY_PLACE),
    "unlinkat": (263, BY_PLACE),
    "renameat": (264, BY_PLACE),
    "linkat": (265, BY_NEW_PLACE),
    "sync_file_range": (277, BY_DESCRIPTOR),
    "fallocate": (285, BY_DESCRIPTOR),
    "pwritev": (296, BY_DESCRIPTOR),
    "syncfs": (306, BY_DESCRIPTOR),
    "renameat2": (316, BY_PLACE),
    "copy_file_range": (326, BY_DESCRIPTOR),
    "pwritev2": (328, BY_DESCRIPTOR),
}
NAMES = {number: name for name, (number, _) in CALLS.items()}
SYNCS = ("fsync", "fdatasync", "syncfs", "sync_file_range")
WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range", "fallocate")
NAMINGS = ("rename", "renameat", "renameat2", "link", "linkat")
MAKINGS = ("openat", "creat", "mkdir", "mkdirat", "symlink", "truncate", "ftruncate")
REMOVALS = ("unlink", "unlinkat", "rmdir")
SIGNALS = ("KILL", "TERM", "INT")


@dataclass(frozen=True)
class Call:
    """`path` is the file's name, the present one where it gets another one instead; `struck` is what the fault met."""

    name: str
    path: str
    struck: bool = False


@dataclass(frozen=True)
class Fault:
    """`nth` of those calls that `calls` names (all: none named) on a file of a path like `path`, from 1; None never
    happens. A fault that is no signal goes on for `times` such calls, 0 for ever."""

    nth: int | None = None
    then: str = "KILL"
    calls: tuple = ()
    path: str = "*"
    times: int = 1

    def concerns(self, call):
        return (not self.calls or call.name in self.calls) and fnmatch.fnmatchcase(call.path, self.path)

    def strikes(self, number):
        if self.nth is None or number < self.nth:
            return False
        return number < self.nth + self.times if self.times else True


def launcher(log, fault, command):
    """The command that runs `command` with the fault; it ends as that does."""
    return [sys.executable, "-I", "-S", __file__, str(log), json.dumps(asdict(fault)), "--", *map(str, command)]


def read(log):
    """All calls of the run that were counted, those that failed among them."""
    lines = Path(log).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [Call(**json.loads(line)) for line in lines if "name" in line]


def seconds_to_end(log):
    """How long the program lived after the fault's signal."""
    return json.loads(Path(log).read_text(encoding="utf-8", errors="surrogateescape").splitlines()[-1])["seconds"]


@functools.lru_cache(maxsize=None)
def why_not():
    """Why there can be no faults here; None where there can."""
    if platform.machine() != "x86_64":
        return f"faults in system calls are not for {platform.machine()}"
    done = subprocess.run(launcher("/dev/null", Fault(), ["true"]), capture_output=True, check=False)
    return f"no faults in system calls: {done.stderr.decode().strip()}" if done.returncode else None


# --- in the launcher ---------------------------------------------------------------------------

PTRACE_TRACEME, PTRACE_CONT, PTRACE_GETREGS, PTRACE_SETREGS = 0, 7, 12, 13
PTRACE_SETOPTIONS, PTRACE_GETEVENTMSG = 0x4200, 0x4201
FORK, VFORK, CLONE, EXEC, SECCOMP = 1, 2, 3, 4, 7
OPTIONS = sum(1 << event for event in (FORK, VFORK, CLONE, EXEC, SECCOMP)) | 1 << 20  # EXITKILL
WAIT_ALL = 0x40000000
# user_regs_struct of <sys/user.h>
REGISTERS = struct.Struct("27Q")
RAX, ORIG_RAX = 10, 15
ARGUMENTS = (14, 13, 12, 7)
AT_FDCWD = -100

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
libc.ptrace.restype = ctypes.c_long


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def ptrace(request, tid, data=None):
    return check(libc.ptrace(request, tid, None, data))


def trap_calls():
    """A seccomp filter (<linux/filter.h>) by which the calls above stop us, of openat those that may make a file.
    A program that hides its memory from others only believes to have done it, else it would hide its files too."""
    load, equal, any_of, leave = 0x20, 0x15, 0x45, 0x06
    allow, trace, pretend = 0x7FFF0000, 0x7FF00000, 0x00050000
    number_at, first_at, third_at = 0, 16, 32
    prctl, set_dumpable = 157, 4
    others = [number for number, name in NAMES.items() if name != "openat"]
    # The jumps count from the next instruction.
    program = [
        (load, 0, 0, number_at),
        *((equal, len(others) - at + 8, 0, number) for at, number in enumerate(others, 1)),
        (equal, 0, 2, CALLS["openat"][0]),
        (load, 0, 0, third_at),
        (any_of, 5, 3, os.O_CREAT | os.O_TRUNC),
        (equal, 0, 2, prctl),
        (load, 0, 0, first_at),
        (equal, 1, 0, set_dumpable),
        (leave, 0, 0, allow),
        (leave, 0, 0, pretend),
        (leave, 0, 0, trace),
    ]
    text = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(text, len(text))
    filters = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer))
    no_new_privileges, set_seccomp, by_filter = 38, 22, 2
    check(libc.prctl(no_new_privileges, 1, 0, 0, 0))
    check(libc.prctl(set_seccomp, by_filter, filters, 0, 0))


class Tracer:
    def __init__(self, log, fault):
        self.log = log
        self.fault = fault
        self.matches = 0
        self.groups = {}  # thread -> process
        self.struck_at = None

    def run(self, command):
        """Its wait status."""
        self.program = os.fork()
        if self.program == 0:
            try:
                # It would trace as well, and only one can.
                os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
                ptrace(PTRACE_TRACEME, 0)
                trap_calls()
                os.execvp(command[0], command)
            except OSError as error:
                os.write(2, f"{command[0]}: {error}\n".encode())
            finally:
                os._exit(127)
        _, status = os.waitpid(self.program, 0)
        if not os.WIFSTOPPED(status):
            return status
        ptrace(PTRACE_SETOPTIONS, self.program, OPTIONS)
        ptrace(PTRACE_CONT, self.program)
        while True:
            tid, status = os.waitpid(-1, WAIT_ALL)
            if os.WIFSTOPPED(status):
                try:
                    self.stopped(tid, status >> 16, os.WSTOPSIG(status))
                except ProcessLookupError:
                    pass  # killed meanwhile
            elif tid == self.program:
                self.note_end()
                return status

    def stopped(self, tid, event, number):
        if event == SECCOMP and self.group(tid) == self.program:
            self.called(tid)
        first = tid not in self.groups
        self.group(tid)
        # A new thread begins with a SIGSTOP, which is ours; events and the stops after exec are SIGTRAPs.
        ours = event or number == signal.SIGTRAP or (first and number == signal.SIGSTOP)
        ptrace(PTRACE_CONT, tid, 0 if ours else number)

    def group(self, tid):
        if tid not in self.groups:
            lines = Path(f"/proc/{tid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
            self.groups[tid] = int(next(line for line in lines if line.startswith("Tgid:")).split()[1])
        return self.groups[tid]

    def called(self, tid):
        buffer = ctypes.create_string_buffer(REGISTERS.size)
        ptrace(PTRACE_GETREGS, tid, ctypes.addressof(buffer))
        registers = list(REGISTERS.unpack(buffer.raw))
        call = self.call(tid, registers)
        if call is None:
            return
        concerned = self.fault.concerns(call)
        self.matches += concerned
        struck = concerned and self.fault.strikes(self.matches)
        print(json.dumps(asdict(Call(call.name, call.path, struck))), file=self.log, flush=True)
        if not struck:
            return
        if self.fault.then in SIGNALS:
            self.struck_at = self.struck_at or time.monotonic()
            os.kill(self.program, signal.Signals[f"SIG{self.fault.then}"])
            return
        registers[ORIG_RAX] = 2**64 - 1
        registers[RAX] = 2**64 - getattr(errno, self.fault.then)
        buffer.raw = REGISTERS.pack(*registers)
        ptrace(PTRACE_SETREGS, tid, ctypes.addressof(buffer))

    @staticmethod
    def call(tid, registers):
        name = NAMES[registers[ORIG_RAX]]
        first, second, third, fourth = (registers[index] for index in ARGUMENTS)
        kind = CALLS[name][1]
        if kind == BY_DESCRIPTOR:
            path = descriptor(tid, first)
        else:
            base, place = {
                BY_PLACE: (first, second),
                BY_NAME: (AT_FDCWD, first),
                BY_NEW_PLACE: (third, fourth),
                BY_NEW_NAME: (AT_FDCWD, second),
            }[kind]
            path = os.path.join(descriptor(tid, base), text_at(tid, place))
        is_file = path.startswith("/") and not path.startswith(("/dev/", "/proc/", "/memfd:"))
        return Call(name, path) if is_file else None

    def note_end(self):
        if self.struck_at:
            print(json.dumps({"seconds": time.monotonic() - self.struck_at}), file=self.log, flush=True)


def descriptor(tid, value):
    number = ctypes.c_int(value & 0xFFFFFFFF).value
    try:
        return os.readlink(f"/proc/{tid}/cwd" if number == AT_FDCWD else f"/proc/{tid}/fd/{number}")
    except OSError:
        return ""


def text_at(tid, address):
    longest = 4096
    with open(f"/proc/{tid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        text = memory.read(longest - address % longest)
        if b"\0" not in text:
            text += memory.read(longest)
    return os.fsdecode(text.partition(b"\0")[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("fault", type=json.loads)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    with open(arguments.log, "w", encoding="utf-8", errors="surrogateescape") as log:
        status = Tracer(log, Fault(**arguments.fault)).run(arguments.command)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()
