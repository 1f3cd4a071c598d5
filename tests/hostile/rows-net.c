/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Rows: network and ipc. */
#include "rows.h"

/* The filter looks at the family first, the kernel at the type: 999 tells them apart, and asks for no module. */
#define FAMILY(failure, family) ROW(failure, "socket:" family ",999,0", "EAFNOSUPPORT", BARE, "EINVAL")

const struct row rows_net[] = {
	/* --- F19, F24: families --- */
	FAMILY("F24", "40"), /* vsock: leads to the machine below this one */
	FAMILY("F19", "17"), /* packet */
	FAMILY("F19", "38"), /* alg */
	FAMILY("F19", "15"), /* key */
	FAMILY("F19", "44"), /* xdp */
	FAMILY("F19", "30"), /* tipc */
	FAMILY("F19", "29"), /* can */
	FAMILY("F19", "21"), /* rds */
	FAMILY("F19", "31"), /* bluetooth */
	FAMILY("F19", "43"), /* smc */
	FAMILY("F19", "41"), /* kcm */
	FAMILY("F19", "42"), /* qipcrtr */
	FAMILY("F19", "39"), /* nfc */
	FAMILY("F19", "37"), /* caif */
	FAMILY("F19", "24"), /* pppox */
	FAMILY("F19", "33"), /* rxrpc */
	FAMILY("F19", "26"), /* llc */
	FAMILY("F19", "3"),  /* ax25 */
	FAMILY("F19", "4"),  /* ipx */
	FAMILY("F19", "5"),  /* appletalk */
	FAMILY("F19", "9"),  /* x25 */
	FAMILY("F19", "36"), /* ieee802154 */
	FAMILY("F19", "45"), /* mctp */
	FAMILY("F19", "0"),
	ROW("F24", "socket:40,1,0", "EAFNOSUPPORT", BARE, "EINVAL", BUT("socket:40,999,0")),
	ROW("F19", "socket:17,3,768", "EAFNOSUPPORT", NS, "?ok|EAFNOSUPPORT"),
	ROW("F19", "socket:17,3,768", "EPERM", NS, "?ok|EAFNOSUPPORT", UNFILTERED),
	/* AF_INET with SOCK_PACKET is a packet socket too, with SOCK_CLOEXEC as well */
	ROW("F19", "socket:2,10,768", "EAFNOSUPPORT", NS, "?ok|EAFNOSUPPORT"),
	ROW("F19", "socket:2,524298,768", "EAFNOSUPPORT", NS, "?ok|EAFNOSUPPORT"),
	ROW("F19", "socket:2,3,1", "EPERM", NS, "ok"),   /* raw ICMP */
	ROW("F19", "socket:2,3,255", "EPERM", NS, "ok"), /* raw IP */
	ROW("F19", "socket:10,3,58", "EPERM|EAFNOSUPPORT", NS, "ok|EAFNOSUPPORT"),
	ROW("F19", "socket:2,3,1", "EPERM", NS, "ok", UNFILTERED),
	ROW("F19", "thread:socket:40,999,0", "EAFNOSUPPORT", BARE, "EINVAL"),
	ROW("F19", "thread:socket:17,999,0", "EAFNOSUPPORT", BARE, "EINVAL"),
	ROW("F19", "socketpair:40,999,0", "EAFNOSUPPORT", BARE, "EINVAL"),
	ROW("F19", "socketpair:16,999,0", "EAFNOSUPPORT", BARE, "EINVAL"),
	ROW("F19", "socket:16,3,2", "EAFNOSUPPORT", BARE, "ok|EPROTONOSUPPORT"),   /* netlink: usersock */
	ROW("F19", "socket:16,3,4", "EAFNOSUPPORT", BARE, "?ok|EPROTONOSUPPORT"),  /* sock_diag */
	ROW("F19", "socket:16,3,6", "EAFNOSUPPORT", BARE, "?ok|EPROTONOSUPPORT"),  /* xfrm */
	ROW("F19", "socket:16,3,9", "EAFNOSUPPORT", BARE, "?ok|EPROTONOSUPPORT"),  /* audit */
	ROW("F19", "socket:16,3,11", "EAFNOSUPPORT", BARE, "?ok|EPROTONOSUPPORT"), /* connector */
	ROW("F19", "socket:16,3,12", "EAFNOSUPPORT", BARE, "?ok|EPROTONOSUPPORT"), /* netfilter */
	ROW("F19", "socket:16,3,15", "EAFNOSUPPORT", BARE, "ok"),                  /* uevents */
	ROW("F19", "socket:16,3,16", "EAFNOSUPPORT", BARE, "?ok|EPROTONOSUPPORT"), /* generic */
	ROW("F19", "socket:1,1,0", "ok", BARE, "=inside"),
	ROW("F19", "socket:2,1,0", "ok", BARE, "=inside"),
	ROW("F19", "socket:16,3,0", "ok", BARE, "=inside"),
	ROW("F19", "socketpair:1,1,0", "ok", BARE, "=inside"),

	/* --- F19: a network of the box's own --- */
	ROW("F19", "abstract:name", "ECONNREFUSED", OUTSIDE, "ok"),
	ROW("F19", "abstract:name", "ECONNREFUSED", OUTSIDE, "ok", UNFILTERED),
	ROW("F19", "seen:/proc/net/unix,name", "not seen", OUTSIDE, "seen"),
	ROW("F19", "links", "lo", OUTSIDE, "other|=inside"),
	ROW("F19", "list:/sys/class/net", "lo|ENOENT", OUTSIDE, "other|=inside"),
	ROW("F19", "routes", "none", OUTSIDE, "some|none"),
	ROW("F19", "connect:192.0.2.1,9", "ENETUNREACH", BOX, "ok", BUT("connect:127.0.0.1,9")),
	ROW("F19", "connect:169.254.169.254,80", "ENETUNREACH", BOX, "ok", BUT("connect:127.0.0.1,9")),
	ROW("F19", "connect:10.0.0.1,53", "ENETUNREACH", BOX, "ok", BUT("connect:127.0.0.1,9")),
	ROW("F19", "link-flags:lo", "EPERM", ROOT, "ok"),
	ROW("F19", "sockopt:1,36", "EPERM", NS, "ok"),   /* SO_MARK */
	ROW("F19", "sockopt:0,19", "EPERM", NS, "ok"),   /* IP_TRANSPARENT */
	ROW("F19", "sockopt:1,32", "EPERM", ROOT, "ok"), /* SO_SNDBUFFORCE */
	ROW("F13", "bind:80", "EACCES", ROOT, "ok|EADDRINUSE"),
	ROW("F13", "bind:0", "ok", ROOT, "=inside"),
	ROW("F19", "ns:net", "new", OUTSIDE, "shared"),

	/* --- F23: ipc of the box's own --- */
	ROW("F23", "shm:key", "ENOENT", OUTSIDE, "ok"),
	ROW("F23", "sem:key", "ENOENT", OUTSIDE, "ok"),
	ROW("F23", "msg:key", "ENOENT", OUTSIDE, "ok"),
	ROW("F23", "mq:mq", "ENOENT", OUTSIDE, "ok"),
	ROW("F23", "seen:/proc/sysvipc/shm,key", "not seen", OUTSIDE, "seen"),
	ROW("F23", "seen:/proc/sysvipc/sem,key", "not seen", OUTSIDE, "seen"),
	ROW("F23", "seen:/proc/sysvipc/msg,key", "not seen", OUTSIDE, "seen"),
	ROW("F23", "ns:ipc", "new", OUTSIDE, "shared"),
	{ .probe = NULL },
};
