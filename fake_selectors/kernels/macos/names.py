"""What the modules of a Python for macOS lack that this host's have.

From the conditions on ``sys.platform`` in https://github.com/python/typeshed (``stdlib/os/__init__.pyi`` and its like),
and "Availability" in CPython's documentation. What only macOS has (``os.chflags``, ``signal.SIGINFO``,
``socket.AF_SYSTEM``) is not emulated: those names are missing here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType

PATTERNS: Mapping[str, str] = {
    "os": """
        AT_NO_AUTOMOUNT AT_STATX_* CLONE_* EFD_* GRND_* MFD_* O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_RSYNC O_TMPFILE
        PIDFD_NONBLOCK POSIX_FADV_* POSIX_SPAWN_CLOSEFROM P_PIDFD RTLD_DEEPBIND RWF_* SCHED_BATCH SCHED_DEADLINE
        SCHED_IDLE SCHED_NORMAL SCHED_RESET_ON_FORK SPLICE_* STATX_* ST_APPEND ST_MANDLOCK ST_NOATIME ST_NODEV
        ST_NODIRATIME ST_NOEXEC ST_RELATIME ST_SYNCHRONOUS ST_WRITE TFD_* XATTR_* copy_file_range eventfd* fdatasync
        getrandom getresgid getresuid getxattr listxattr memfd_create pidfd_open pipe2 posix_fadvise posix_fallocate
        removexattr sched_getaffinity sched_getparam sched_getscheduler sched_rr_get_interval sched_set* setns setresgid
        setresuid setxattr splice statx* timerfd_* unshare
        """,
    "select": "EPOLL* POLLMSG POLLRDHUP epoll",
    "_socket": """
        AF_ALG AF_ASH AF_ATMPVC AF_ATMSVC AF_AX25 AF_BLUETOOTH AF_BRIDGE AF_CAN AF_ECONET AF_IRDA AF_KEY AF_LLC
        AF_NETBEUI AF_NETLINK AF_NETROM AF_PACKET AF_PPPOX AF_QIPCRTR AF_RDS AF_ROSE AF_SECURITY AF_TIPC AF_VSOCK
        AF_WANPIPE AF_X25 ALG_* BDADDR_* BTPROTO_* BT_* CAN_* ETH_P_* HCI_* IOCTL_VM_SOCKETS_GET_LOCAL_CID IPPROTO_MPTCP
        IPPROTO_UDPLITE IPV6_HDRINCL IPV6_RECVERR IPX_TYPE IP_BIND_ADDRESS_NO_PORT IP_FREEBIND IP_RECVERR
        IP_RECVORIGDSTADDR IP_TRANSPARENT J1939_* L2CAP_* MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_ERRQUEUE MSG_FASTOPEN
        MSG_MORE NETLINK_* NI_IDN PACKET_* PF_CAN PF_PACKET PF_RDS RDS_* SCM_CREDENTIALS SCM_J1939_* SOCK_CLOEXEC
        SOCK_NONBLOCK SOL_ALG SOL_ATALK SOL_AX25 SOL_BLUETOOTH SOL_CAN_* SOL_HCI SOL_IPX SOL_L2CAP SOL_NETROM SOL_RDS
        SOL_RFCOMM SOL_ROSE SOL_SCO SOL_TIPC SO_BINDTOIFINDEX SO_DOMAIN SO_INCOMING_CPU SO_J1939_* SO_MARK
        SO_ORIGINAL_DST SO_PASS* SO_PEER* SO_PRIORITY SO_PROTOCOL SO_VM_* TCP_CC_INFO TCP_CONGESTION TCP_CORK
        TCP_DEFER_ACCEPT TCP_FASTOPEN_* TCP_INFO TCP_INQ TCP_KEEPIDLE TCP_LINGER2 TCP_MD5SIG* TCP_QUEUE_SEQ TCP_QUICKACK
        TCP_REPAIR* TCP_SAVED_SYN TCP_SAVE_SYN TCP_SYNCNT TCP_THIN_* TCP_TIMESTAMP TCP_TX_DELAY TCP_ULP TCP_USER_TIMEOUT
        TCP_WINDOW_CLAMP TCP_ZEROCOPY_RECEIVE TIPC_* UDPLITE_* VMADDR_* VM_SOCKETS_*
        """,
    "signal": """
        SIGCLD SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo struct_siginfo
        """,
    "time": "CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid",
}
SINCE_3_13 = "waitid waitid_result P_ALL P_PID P_PGID"
"""Of os: CPython has them on macOS from 3.13 on (https://docs.python.org/3/library/os.html#os.waitid)."""


def missing(module: ModuleType) -> list[str]:
    """Return the names of a module of this host that macOS' lacks."""
    patterns = PATTERNS[module.__name__]
    if module.__name__ == "os" and sys.version_info < (3, 13):
        patterns += SINCE_3_13
    words = patterns.split()
    exact = {word for word in words if not word.endswith("*")}
    beginnings = tuple(word.removesuffix("*") for word in words if word.endswith("*"))
    return [name for name in dir(module) if name in exact or name.startswith(beginnings)]
