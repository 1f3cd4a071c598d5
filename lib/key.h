/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The option table: every key, its type, default and one line of doc. All of it is made from key.def. */
#pragma once

#include <stdbool.h>

/* What the text of a value means; value.h has the parser of each. */
enum key_type {
	KEY_SIZE,    /* bytes, K M G T, max */
	KEY_COUNT,   /* a whole number or max */
	KEY_WEIGHT,  /* 1..10000 */
	KEY_BOOL,    /* yes no true false on off 1 0 */
	KEY_OOM,     /* group one, or a KEY_BOOL */
	KEY_CPU_MAX, /* 1.5 (cpus), 150%, max, QUOTA PERIOD in microseconds */
	KEY_PERCENT, /* 0..100 with two decimals, or max: cpu.uclamp */
	KEY_LIST,    /* 0-3,7: cpuset */
	KEY_IO_MAX,  /* DEV rbps=SIZE wbps=SIZE riops=N wiops=N */
	KEY_RAW,     /* written to the kernel file as it is */
	KEY_TIME,    /* 10, 10s, 500ms, 2m, 1h */
	KEY_ROOT,    /* host, empty, or an absolute directory */
	KEY_BIND,    /* SRC[:DST] */
	KEY_TMPFS,   /* DST[:SIZE] */
	KEY_DST,     /* an absolute path inside: overlay */
	KEY_FILE,    /* DST=TEXT */
	KEY_SYMLINK, /* TARGET:DST */
	KEY_NET,     /* none loopback host, or the path of a namespace file */
	KEY_SHARE,   /* a comma list of pid,ipc,uts,net,cgroup,user,time */
	KEY_HOSTNAME,
	KEY_USER,    /* UID[:GID] */
	KEY_IDS,     /* a comma list of group ids */
	KEY_ID_MAP,  /* IN:OUT:COUNT */
	KEY_SECCOMP, /* default none */
	KEY_CAP,     /* names, comma-separated */
	KEY_DEVICE,  /* /dev/NODE[:ACCESS], c MAJ:MIN ACCESS, char-DRIVER[:ACCESS], all */
	KEY_PATH,    /* an absolute path */
	KEY_ENV,     /* NAME=VALUE */
	KEY_RLIMIT,  /* NAME=SOFT[:HARD] */
	KEY_NICE,    /* -20..19 */
	KEY_PLACE,   /* cgroup.parent: auto, systemd, or an absolute path below the cgroup2 mount */
	KEY_SELF,    /* cgroup.self: never leaf */
	KEY_OFFSET,  /* [+-]SECONDS: time namespace offsets */
};

struct key {
	const char *name;
	enum key_type type;
	const char *group;         /* of the profile file: limits time files namespaces identity security process */
	const char *option;        /* of sbx-run, without the dashes; NULL: only -o */
	const char *arg;           /* how --help names the value; NULL: the option takes none and means "yes" */
	const char *default_value; /* NULL: not set */
	bool list;                 /* values add up */
	bool limit;                /* a cgroup v2 file of the box */
	const char *doc;           /* one line, no full stop */
};

/* NULL-name-terminated, in the order of the documentation. */
extern const struct key key_table[];

/* The key of that name. For a `controller.file` that is not in the table: the catch-all of type KEY_RAW, whose name is
 * "". NULL when it is neither. */
const struct key *key_find(const char *name);
/* The known name nearest to a misspelt one, or NULL when none is near. */
const char *key_nearest(const char *name);
/* For sbx_list_keys(). g_free() it. */
char *key_table_json(void);
