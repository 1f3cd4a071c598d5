/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The network, and what processes share without files: abstract sockets, System V ipc, message queues. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* socket:FAMILY,TYPE,PROTOCOL in numbers */
static void
probe_socket(const char *arg)
{
	int family = 0, type = 0, protocol = 0;

	sscanf(arg, "%d,%d,%d", &family, &type, &protocol);
	reached();
	tell(socket(family, type, protocol));
}

static void
probe_socketpair(const char *arg)
{
	int family = 0, type = 0, protocol = 0, fds[2];

	sscanf(arg, "%d,%d,%d", &family, &type, &protocol);
	reached();
	tell(socketpair(family, type, protocol, fds));
}

/* abstract:KEY: connect to the abstract socket of that setting's name */
static void
probe_abstract(const char *key)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *name = setting(key);
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path + 1, name, length);
	reached();
	tell(connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)));
}

/* seen:PATH,KEY: does the text of the file have the setting's value in it? */
static void
probe_seen(const char *arg)
{
	static char text[1 << 20];
	char path[256] = "", key[64] = "";

	sscanf(arg, "%255[^,],%63s", path, key);
	reached();
	if (!*setting(key))
		say("no such setting");
	else if (slurp(path, text, sizeof text) < 0)
		tell(-1);
	else
		say("%s", strstr(text, setting(key)) ? "seen" : "not seen");
}

/* connect:ADDRESS,PORT: no packet leaves by this, it is UDP */
static void
probe_connect(const char *arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char text[64] = "";
	int port = 0, fd = socket(AF_INET, SOCK_DGRAM, 0);

	sscanf(arg, "%63[^,],%d", text, &port);
	address.sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, text, &address.sin_addr);
	reached();
	tell(connect(fd, (struct sockaddr *)&address, sizeof address));
}

/* bind:PORT on 127.0.0.1 */
static void
probe_bind(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                           .sin_port = htons((uint16_t)atoi(port)),
		                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	reached();
	tell(bind(fd, (struct sockaddr *)&address, sizeof address));
}

/* Names of all links, as netlink tells them. */
static void
probe_links(const char *arg)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} ask = { { sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 }, { 0 } };
	static char answer[65536], text[1024];
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), length;

	(void)arg;
	reached();
	if (fd < 0 || send(fd, &ask, sizeof ask, 0) < 0) {
		tell(-1);
		return;
	}
	while ((length = (int)recv(fd, answer, sizeof answer, 0)) > 0)
		for (struct nlmsghdr *at = (void *)answer; NLMSG_OK(at, (unsigned)length); at = NLMSG_NEXT(at, length)) {
			struct ifinfomsg *info = NLMSG_DATA(at);
			struct rtattr *attr = IFLA_RTA(info);
			int left = (int)IFLA_PAYLOAD(at);

			if (at->nlmsg_type == NLMSG_DONE) {
				say("%s", *text ? text : "none");
				return;
			}
			for (; at->nlmsg_type == RTM_NEWLINK && RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
				if (attr->rta_type == IFLA_IFNAME && strlen(text) < sizeof text - 64)
					strcat(strcat(text, *text ? " " : ""), RTA_DATA(attr));
		}
}

/* Lines below the heading of /proc/net/route. */
static void
probe_routes(const char *arg)
{
	static char text[65536];
	int lines = -1;

	(void)arg;
	reached();
	if (slurp("/proc/net/route", text, sizeof text) < 0)
		tell(-1);
	for (char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	say("%s", lines > 0 ? "some" : "none");
}

/* link-down:NAME, by the flags it has now and one that means nothing is changed */
static void
probe_link_flags(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
		say("no such link: %s", strerrorname_np(errno));
		return;
	}
	reached();
	tell(ioctl(fd, SIOCSIFFLAGS, &request));
}

/* sockopt:LEVEL,OPTION = 1 on an UDP socket */
static void
probe_sockopt(const char *arg)
{
	int level = 0, option = 0, one = 1, fd = socket(AF_INET, SOCK_DGRAM, 0);

	sscanf(arg, "%d,%d", &level, &option);
	reached();
	tell(setsockopt(fd, level, option, &one, sizeof one));
}

/* --- ipc: what the host has under this key --- */

static void
probe_shm(const char *key)
{
	reached();
	tell(shmget((key_t)atoi(setting(key)), 0, 0));
}

static void
probe_sem(const char *key)
{
	reached();
	tell(semget((key_t)atoi(setting(key)), 0, 0));
}

static void
probe_msg(const char *key)
{
	reached();
	tell(msgget((key_t)atoi(setting(key)), 0));
}

static void
probe_mq(const char *key)
{
	reached();
	tell(mq_open(setting(key), O_RDONLY | O_NONBLOCK));
}

/* path:KEY: is there a file of that setting's name? */
static void
probe_path(const char *key)
{
	reached();
	tell(*setting(key) ? access(setting(key), F_OK) : 0);
}

const struct probe probes_net[] = {
	{ "abstract", probe_abstract }, { "bind", probe_bind },
	{ "connect", probe_connect },   { "link-flags", probe_link_flags },
	{ "links", probe_links },       { "mq", probe_mq },
	{ "msg", probe_msg },           { "path", probe_path },
	{ "routes", probe_routes },     { "seen", probe_seen },
	{ "sem", probe_sem },           { "shm", probe_shm },
	{ "socket", probe_socket },     { "socketpair", probe_socketpair },
	{ "sockopt", probe_sockopt },   { NULL, NULL },
};
