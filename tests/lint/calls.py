#!/usr/bin/python3
"""Refuse calls that the house does not make. usage: calls.py FILE..."""
import sys

import ctokens

BANNED = {
    "sprintf": "snprintf or buf_printf",
    "vsprintf": "vsnprintf",
    "strcpy": "arena_strdup, buf_str or memcpy",
    "strcat": "buf_str",
    "strncat": "buf_add",
    "strncpy": "memcpy with a checked length",
    "gets": "fd_read_all",
    "strtok": "strcspn",
    "system": "proc_spawn",
    "popen": "proc_spawn",
    "atoi": "str_u64",
    "atol": "str_u64",
    "atoll": "str_u64",
    "alloca": "an array or an arena",
    "tmpnam": "openat with O_TMPFILE",
    "mktemp": "mkostemp",
    "mkstemp": "mkostemp with O_CLOEXEC",
    "creat": "openat with O_CLOEXEC",
    "pipe": "pipe2 with O_CLOEXEC",
    "dup": "fcntl with F_DUPFD_CLOEXEC",
    "accept": "accept4 with SOCK_CLOEXEC",
    "epoll_create": "epoll_create1 with EPOLL_CLOEXEC",
    "inotify_init": "inotify_init1 with IN_CLOEXEC",
    "pthread_create": "a process or the loop",
}
# Call -> the flag that must be among its arguments.
CLOEXEC = {
    "open": "O_CLOEXEC",
    "openat": "O_CLOEXEC",
    "mkostemp": "O_CLOEXEC",
    "pipe2": "O_CLOEXEC",
    "dup3": "O_CLOEXEC",
    "socket": "SOCK_CLOEXEC",
    "socketpair": "SOCK_CLOEXEC",
    "accept4": "SOCK_CLOEXEC",
    "memfd_create": "MFD_CLOEXEC",
    "eventfd": "EFD_CLOEXEC",
    "timerfd_create": "TFD_CLOEXEC",
    "signalfd": "SFD_CLOEXEC",
    "epoll_create1": "EPOLL_CLOEXEC",
    "inotify_init1": "IN_CLOEXEC",
}


def argument_fault(name, args):
    words = {t.text for t in args}
    if name in CLOEXEC and CLOEXEC[name] not in words:
        return f"{name} without {CLOEXEC[name]}"
    if name == "fcntl" and "F_DUPFD" in words:
        return "fcntl with F_DUPFD: F_DUPFD_CLOEXEC"
    strings = [t.text for t in args if t.kind == "string"]
    if name == "fopen" and strings and "e" not in strings[-1]:
        return f'{name} without "e" (close on exec) in its mode'
    return None


def faults(path, text):
    """One line for each call that is refused."""
    for name, line, args in ctokens.calls(text):
        fault = argument_fault(name, args)
        if name in BANNED:
            fault = f"{name}: use {BANNED[name]}"
        if fault:
            yield f"{path}:{line}: {fault}"


if __name__ == "__main__":
    sys.exit(ctokens.report(faults, sys.argv[1:]))
