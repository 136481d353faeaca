#!/usr/bin/python3
"""Print a CLOUD_PORT_OFFSET at which every port of a cloud is free.

The start is random, so that two clouds that start together seldom meet.
"""
import os
import random
import socket
import sys

HOST = os.environ.get('CLOUD_HOST', '127.0.0.1')
SERVICES = [15000, 19292, 19293, 18080, 17480]  # each again at + 5000 and + 10000, for the front
OTHERS = [15211, 16200, 16201, 16202, 13300, *range(13310, 13350)]
PORTS = OTHERS + [port + front for port in SERVICES for front in (0, 5000, 10000)]
# The highest port stays below those that the kernel gives to clients (32768 and up).
OFFSETS = list(range(100, 2900, 100))


def free(port):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def main():
    random.shuffle(OFFSETS)
    for offset in OFFSETS:
        if all(free(port + offset) for port in PORTS):
            print(offset)
            return
    sys.exit('free-ports: no free range of ports; stop another cloud, or set CLOUD_PORT_OFFSET')


if __name__ == '__main__':
    main()
