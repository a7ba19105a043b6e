"""What the modules of a Python for Windows lack that this machine's have.

From the conditions on ``sys.platform`` in https://github.com/python/typeshed (``stdlib/_socket.pyi``,
``stdlib/os/__init__.pyi`` and their like, as mypy 1.18 ships them), evaluated for ``win32``. A star stands for all.
"""

from __future__ import annotations

from types import ModuleType

PATTERNS = {
    "_socket": """
        AF_ALG AF_ASH AF_ATMPVC AF_ATMSVC AF_AX25 AF_BRIDGE AF_CAN AF_DIVERT AF_ECONET AF_KEY AF_LLC AF_NETBEUI
        AF_NETLINK AF_NETROM AF_PACKET AF_PPPOX AF_QIPCRTR AF_RDS AF_ROSE AF_ROUTE AF_SECURITY AF_TIPC AF_UNIX AF_VSOCK
        AF_WANPIPE AF_X25 ALG_* BDADDR_BREDR BDADDR_LE_* CAN_* CMSG_* EAI_ADDRFAMILY EAI_OVERFLOW EAI_SYSTEM ETHERTYPE_*
        ETH_P_* HCI_* IOCTL_VM_SOCKETS_GET_LOCAL_CID IPPROTO_GRE IPPROTO_IPIP IPPROTO_MPTCP IPPROTO_RSVP IPPROTO_TP
        IPPROTO_UDPLITE IPV6_DSTOPTS IPV6_NEXTHOP IPV6_PATHMTU IPV6_RECVDSTOPTS IPV6_RECVERR IPV6_RECVHOPLIMIT
        IPV6_RECVHOPOPTS IPV6_RECVPATHMTU IPV6_RECVPKTINFO IPV6_RTHDRDSTOPTS IPV6_RTHDR_TYPE_0 IP_BIND_ADDRESS_NO_PORT
        IP_DEFAULT_MULTICAST_* IP_FREEBIND IP_MAX_MEMBERSHIPS IP_RECVERR IP_RECVOPTS IP_RECVORIGDSTADDR IP_RECVRETOPTS
        IP_RETOPTS IP_TRANSPARENT J1939_* L2CAP_* MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_DONTWAIT MSG_EOR MSG_FASTOPEN
        MSG_MORE MSG_NOSIGNAL NETLINK_* NI_IDN PACKET_* PF_* SCM_* SOCK_CLOEXEC SOCK_NONBLOCK SOL_ALG SOL_BLUETOOTH
        SOL_CAN_* SOL_HCI SOL_L2CAP SOL_RDS SOL_RFCOMM SOL_SCO SOL_TIPC SO_BINDTODEVICE SO_BINDTOIFINDEX SO_DOMAIN
        SO_INCOMING_CPU SO_J1939_* SO_MARK SO_ORIGINAL_DST SO_PASSCRED SO_PASSSEC SO_PEERCRED SO_PEERSEC SO_PRIORITY
        SO_PROTOCOL SO_REUSEPORT SO_VM_SOCKETS_* TCP_CC_INFO TCP_CONGESTION TCP_CORK TCP_DEFER_ACCEPT TCP_FASTOPEN_*
        TCP_INFO TCP_INQ TCP_LINGER2 TCP_MD5SIG* TCP_NOTSENT_LOWAT TCP_QUEUE_SEQ TCP_QUICKACK TCP_REPAIR* TCP_SAVED_SYN
        TCP_SAVE_SYN TCP_SYNCNT TCP_THIN_* TCP_TIMESTAMP TCP_TX_DELAY TCP_ULP TCP_USER_TIMEOUT TCP_WINDOW_CLAMP
        TCP_ZEROCOPY_RECEIVE TIPC_* UDPLITE_* VMADDR_* VM_SOCKETS_* sethostname socketpair
        """,
    "errno": """
        EADV EBADE EBADFD EBADR EBADRQC EBADSLT EBFONT ECHRNG ECOMM EDOTDOT EHWPOISON EISNAM EKEY* EL2HLT EL2NSYNC
        EL3HLT EL3RST ELIB* ELNRNG EMEDIUMTYPE EMULTIHOP ENAVAIL ENOANO ENOCSI ENOKEY ENOMEDIUM ENONET ENOPKG ENOTBLK
        ENOTNAM ENOTUNIQ EREMCHG EREMOTEIO ERESTART ERFKILL ESRMNT ESTRPIPE EUCLEAN EUNATCH EXFULL
        """,
    "os": """
        CLD_* CLONE_* EFD_* EX_CANTCREAT EX_CONFIG EX_DATAERR EX_IOERR EX_NO* EX_OSERR EX_OSFILE EX_PROTOCOL EX_SOFTWARE
        EX_TEMPFAIL EX_UNAVAILABLE EX_USAGE F_LOCK F_TEST F_TLOCK F_ULOCK GRND_* MFD_* NGROUPS_MAX NODEV O_ACCMODE
        O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_FSYNC O_LARGEFILE O_NDELAY O_NOATIME O_NOCTTY O_NOFOLLOW
        O_NONBLOCK O_PATH O_RSYNC O_SYNC O_TMPFILE PIDFD_* POSIX_* PRIO_* P_ALL P_PGID P_PID P_PIDFD RTLD_* RWF_*
        SCHED_* SEEK_DATA SEEK_HOLE SPLICE_* ST_* TFD_* WCO* WE* WI* WN* WS* WT* WU* XATTR_* chown chroot confstr
        confstr_names copy_file_range ctermid environb eventfd* fchdir fchown fdatasync fork forkpty fpathconf fstatvfs
        fwalk getegid getenvb geteuid getgid getgrouplist getgroups getloadavg getpgid getpgrp getpriority getrandom
        getres* getsid getuid getxattr grantpt initgroups killpg lchown listxattr lockf login_tty major makedev
        memfd_create minor mkfifo mknod nice openpty pathconf pathconf_names pidfd_open pipe2 posix_* pread* ptsname
        pwrite* readv register_at_fork removexattr sched_* sendfile setegid seteuid setgid setgroups setns setpgid
        setpgrp setpriority setregid setres* setreuid setsid setuid setxattr spawnlp* spawnvp* splice statvfs sync
        sysconf sysconf_names tcgetpgrp tcsetpgrp timerfd_* ttyname uname uname_result unlockpt unshare wait wait3 wait4
        waitid waitid_result writev
        """,
    "signal": """
        ITIMER_* ItimerError SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGHUP SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF
        SIGPWR SIGQUIT SIGRTMAX SIGRTMIN SIGSTKFLT SIGSTOP SIGSYS SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2
        SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK Sigmasks alarm getitimer pause
        pidfd_send_signal pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait*
        struct_siginfo
        """,
    "sys": "abiflags getdlopenflags setdlopenflags",
}

MODULES = (
    "_curses",
    "_curses_panel",
    "_dbm",
    "_gdbm",
    "_posixshmem",
    "_posixsubprocess",
    "crypt",
    "fcntl",
    "grp",
    "nis",
    "ossaudiodev",
    "posix",
    "pwd",
    "readline",
    "resource",
    "spwd",
    "syslog",
    "termios",
)
"""Modules that a Python for Windows lacks.

"Availability: Unix" in CPython's documentation, and what other modules of that kind are made of.
"""


def missing(module: ModuleType) -> list[str]:
    """Return the names of a module of this machine that Windows' lacks."""
    words = PATTERNS[module.__name__].split()
    exact = {word for word in words if not word.endswith("*")}
    beginnings = tuple(word.removesuffix("*") for word in words if word.endswith("*"))
    return [name for name in dir(module) if name in exact or name.startswith(beginnings)]
