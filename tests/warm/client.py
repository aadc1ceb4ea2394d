"""Stands for a process that `server` forks: `python client.py SOCKET -c CODE ARGUMENT…`.

Starts often, and so imports nothing that the interpreter has not imported already or that takes time.
"""

import marshal
import os
import signal
import socket
import struct
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Ask for the process, pass signals on to it, and return its wait status."""
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        request = marshal.dumps((sys.argv[2:], os.getcwd(), dict(os.environb)))  # noqa: PTH109 -- pathlib takes long to import
        socket.send_fds(server, [struct.pack("!I", len(request))], [0, 1, 2])
        server.sendall(request)
        process = _number(server)
        for number in FORWARDED:
            signal.signal(number, lambda number, _frame: os.kill(process, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        return _number(server)


def _number(server: socket.socket) -> int:
    told = server.recv(4, socket.MSG_WAITALL)
    if len(told) < 4:
        sys.exit("the server of warm processes has gone")
    return struct.unpack("!I", told)[0]


status = main()
if os.WIFSIGNALED(status):
    if os.WTERMSIG(status) in FORWARDED:
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
    os.kill(os.getpid(), os.WTERMSIG(status))
os._exit(os.waitstatus_to_exitcode(status))
