"""System calls that the standard library does not offer: namespaces, mounts, Landlock.

Each raises OSError where the kernel refuses, or does not know, the call.
"""

from __future__ import annotations

from typing import Any

from headrace_harness.stdlib import ctypes, errno, os

try:
    _libc: Any = ctypes.CDLL(None, use_errno=True)
except (AttributeError, OSError):  # an interpreter built without ctypes
    _libc = None

NEW_MOUNTS = 0x00020000
NEW_USERS = 0x10000000

_MS_BIND = 4096
_MS_REC = 16384
_MS_SLAVE = 1 << 19
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

# Calls this young have the same numbers on x86-64, aarch64 and all other architectures.
_MOUNT_SETATTR = 442
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_RULE_PATH_BENEATH = 1
_ABI_QUESTION = 1


def unshare(flags: int) -> None:
    """Give this process namespaces of its own.

    Raises:
        OSError: It may not have them.
    """
    _check(_function("unshare")(flags))


def map_own_ids(uid: int, gid: int) -> None:
    """Keep this process's user and group in a user namespace that it has just made.

    Raises:
        OSError: The kernel refuses.
    """
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def stay_visible() -> None:
    """Keep this process's entry in ``/proc`` readable for others of the same user."""
    _check(_function("prctl")(_PR_SET_DUMPABLE, 1, 0, 0, 0))


def receive_mounts_only() -> None:
    """Keep the mounts made from now on in this namespace; those of the machine still come in."""
    _check(_function("mount")(None, b"/", None, _MS_REC | _MS_SLAVE, None))


def bind(source: str, target: str, *, with_mounts: bool = False) -> None:
    """Show a folder at another place, or at its own as a mount of its own.

    Raises:
        OSError: The kernel refuses.
    """
    flags = _MS_BIND | (_MS_REC if with_mounts else 0)
    _check(_function("mount")(os.fsencode(source), os.fsencode(target), None, flags, None))


def set_read_only(mount: str, value: bool, *, with_mounts: bool = False) -> None:
    """Make a mount read-only, or writable.

    Raises:
        OSError: The kernel refuses.
    """
    attributes = (ctypes.c_uint64 * 4)(
        _MOUNT_ATTR_RDONLY if value else 0, 0 if value else _MOUNT_ATTR_RDONLY, 0, 0
    )
    flags = _AT_RECURSIVE if with_mounts else 0
    _call(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(mount), flags, ctypes.byref(attributes), _size(32))


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; 0 if it has none."""
    try:
        return _call(_LANDLOCK_CREATE_RULESET, None, _size(0), _ABI_QUESTION)
    except OSError:
        return 0


def landlock_ruleset(handled: int) -> int:
    """Return the descriptor of a new ruleset that forbids ``handled``, as far as no rule allows it.

    Raises:
        OSError: The kernel refuses.
    """
    attributes = (ctypes.c_uint64 * 1)(handled)
    return _call(_LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), _size(8), 0)


def landlock_allow(ruleset: int, allowed: int, path: str) -> None:
    """Allow what is in ``allowed`` for a file, or for all that is beneath a folder.

    Raises:
        OSError: The kernel refuses.
    """
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        # Packed in C: 64 bits, then 32.
        rule = (ctypes.c_uint32 * 3)(allowed & 0xFFFFFFFF, allowed >> 32, descriptor)
        _call(_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)


def landlock_restrict(ruleset: int) -> None:
    """Bind this process, and all that it starts from now on, to a ruleset.

    Raises:
        OSError: The kernel refuses.
    """
    try:
        _call(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    except PermissionError:
        _check(_function("prctl")(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _call(_LANDLOCK_RESTRICT_SELF, ruleset, 0)


def _call(number: int, *arguments: Any) -> int:
    wide = [ctypes.c_long(it) if isinstance(it, int) else it for it in arguments]
    return _check(_function("syscall")(ctypes.c_long(number), *wide))


def _size(value: int) -> Any:
    return ctypes.c_size_t(value)


def _function(name: str) -> Any:
    if _libc is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return getattr(_libc, name)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
