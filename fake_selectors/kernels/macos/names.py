"""What the modules of a Python for macOS lack that this host's have.

From the conditions on ``sys.platform`` in https://github.com/python/typeshed (``stdlib/os/__init__.pyi`` and its like),
and "Availability" in CPython's documentation. What only macOS has (``os.chflags``, ``signal.SIGINFO``, ``socket.AF_SYSTEM``)
is not emulated: those names are missing here.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from types import ModuleType

PREFIXES: Mapping[str, tuple[str, ...]] = {
    "os": (
        "CLONE_", "EFD_", "GRND_", "MFD_", "POSIX_FADV_", "RWF_", "SPLICE_", "STATX_", "AT_STATX_", "TFD_", "XATTR_",
        "eventfd", "memfd_", "timerfd_", "sched_getp", "sched_gets", "sched_set", "sched_rr_",
        "statx",
    ),
    "select": ("EPOLL", "epoll"),
    "socket": (
        "ALG_", "BDADDR_", "BTPROTO_", "BT_", "CAN_", "HCI_", "J1939_", "L2CAP_", "NETLINK_", "PACKET_", "RDS_", "SO_VM_",
        "SO_J1939_", "SO_PEER", "SO_PASS", "SOL_CAN_", "TCP_MD5SIG", "TCP_REPAIR", "TCP_THIN_", "TIPC_", "UDPLITE_",
        "VMADDR_", "VM_SOCKETS_",
    ),
    "signal": (),
    "time": (),
}  # fmt: skip

NAMES: Mapping[str, frozenset[str]] = {
    "os": frozenset(
        ["AT_NO_AUTOMOUNT", "O_DIRECT", "O_LARGEFILE", "O_NOATIME", "O_PATH", "O_RSYNC", "O_TMPFILE", "PIDFD_NONBLOCK", "POSIX_SPAWN_CLOSEFROM", "P_PIDFD", "RTLD_DEEPBIND", "SCHED_BATCH", "SCHED_DEADLINE", "SCHED_IDLE", "SCHED_NORMAL", "SCHED_RESET_ON_FORK", "ST_APPEND", "ST_MANDLOCK", "ST_NOATIME", "ST_NODEV", "ST_NODIRATIME", "ST_NOEXEC", "ST_RELATIME", "ST_SYNCHRONOUS", "ST_WRITE", "copy_file_range", "fdatasync", "getrandom", "getresgid", "getresuid", "getxattr", "listxattr", "pidfd_open", "pipe2", "posix_fadvise", "posix_fallocate", "removexattr", "sched_getaffinity", "setns", "setresgid", "setresuid", "setxattr", "splice", "unshare"]
    )
    # https://docs.python.org/3/library/os.html#os.waitid
    | (frozenset(() if sys.version_info >= (3, 13) else ("waitid", "waitid_result"))),
    "select": frozenset(("POLLMSG", "POLLRDHUP")),
    "socket": frozenset(
        ["AF_ALG", "AF_ASH", "AF_ATMPVC", "AF_ATMSVC", "AF_AX25", "AF_BLUETOOTH", "AF_BRIDGE", "AF_CAN", "AF_ECONET", "AF_IRDA", "AF_KEY", "AF_LLC", "AF_NETBEUI", "AF_NETLINK", "AF_NETROM", "AF_PACKET", "AF_PPPOX", "AF_QIPCRTR", "AF_RDS", "AF_ROSE", "AF_SECURITY", "AF_TIPC", "AF_VSOCK", "AF_WANPIPE", "AF_X25", "ETH_P_ALL", "IOCTL_VM_SOCKETS_GET_LOCAL_CID", "IPPROTO_MPTCP", "IPPROTO_UDPLITE", "IPV6_HDRINCL", "IPV6_RECVERR", "IPX_TYPE", "IP_BIND_ADDRESS_NO_PORT", "IP_FREEBIND", "IP_RECVERR", "IP_RECVORIGDSTADDR", "IP_TRANSPARENT", "MSG_CMSG_CLOEXEC", "MSG_CONFIRM", "MSG_ERRQUEUE", "MSG_FASTOPEN", "MSG_MORE", "NI_IDN", "PF_CAN", "PF_PACKET", "PF_RDS", "SCM_CREDENTIALS", "SCM_J1939_DEST_ADDR", "SCM_J1939_DEST_NAME", "SCM_J1939_ERRQUEUE", "SCM_J1939_PRIO", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SOL_ALG", "SOL_ATALK", "SOL_AX25", "SOL_BLUETOOTH", "SOL_HCI", "SOL_IPX", "SOL_L2CAP", "SOL_NETROM", "SOL_RDS", "SOL_RFCOMM", "SOL_ROSE", "SOL_SCO", "SOL_TIPC", "SO_BINDTOIFINDEX", "SO_DOMAIN", "SO_INCOMING_CPU", "SO_MARK", "SO_ORIGINAL_DST", "SO_PRIORITY", "SO_PROTOCOL", "TCP_CC_INFO", "TCP_CONGESTION", "TCP_CORK", "TCP_DEFER_ACCEPT", "TCP_FASTOPEN_CONNECT", "TCP_FASTOPEN_KEY", "TCP_FASTOPEN_NO_COOKIE", "TCP_INFO", "TCP_INQ", "TCP_KEEPIDLE", "TCP_LINGER2", "TCP_QUEUE_SEQ", "TCP_QUICKACK", "TCP_SAVED_SYN", "TCP_SAVE_SYN", "TCP_SYNCNT", "TCP_TIMESTAMP", "TCP_TX_DELAY", "TCP_ULP", "TCP_USER_TIMEOUT", "TCP_WINDOW_CLAMP", "TCP_ZEROCOPY_RECEIVE"]
    ),
    "signal": frozenset(
        ["SIGCLD", "SIGPOLL", "SIGPWR", "SIGRTMAX", "SIGRTMIN", "SIGSTKFLT", "pidfd_send_signal", "sigtimedwait", "sigwaitinfo", "struct_siginfo"]
    ),
    "time": frozenset(("CLOCK_BOOTTIME", "CLOCK_TAI", "pthread_getcpuclockid")),
}  # fmt: skip


def missing(module: ModuleType) -> Collection[str]:
    """Return the names of a module of this host that macOS' lacks."""
    name = module.__name__.lstrip("_")
    return [one for one in dir(module) if one in NAMES[name] or one.startswith(PREFIXES[name] or ("\0",))]
