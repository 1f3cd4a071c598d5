/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The rows of the hostile suite: what each probe gets inside, and what it gets where nothing holds it. */
#pragma once

#include "hostile.h"

struct row {
	const char *failure; /* of threats.md: F01... */
	enum hostile_place place;
	const char *probe;
	/* Result wanted inside: alternatives with | between, or "!control" and "=control" by what the control's was, or
	 * "=outside". The first is that of each mode that has none of its own; "-": not in this mode. */
	const char *expect, *mode_expect[N_MODES];
	/* The control: where, what (NULL: the same), and its result: alternatives, or "other" for anything but that of inside,
	 * or "=inside" for a finding that is no denial. With a "?" before them the thing may be missing on this machine. */
	enum hostile_place control;
	const char *control_probe, *control_expect;
	bool planted_by_root; /* about files that root put there */
};

#define BOX PLACE_BOX
#define BARE PLACE_BARE
#define ZERO PLACE_ZERO
#define OUTSIDE PLACE_OUTSIDE
#define ROOT PLACE_ROOT
#define NS PLACE_NS
#define PLAIN PLACE_PLAIN

#define ROW(failure_, probe_, expect_, control_, control_expect_, ...)                \
	{                                                                                 \
		.failure = failure_, .probe = probe_, .expect = expect_, .control = control_, \
		.control_expect = control_expect_, __VA_ARGS__                                \
	}
#define HOST_NOBODY(text) .mode_expect[MODE_HOST_NOBODY] = text
#define HOST_ROOT(text) .mode_expect[MODE_HOST_ROOT] = text
#define HOST_BOTH(text) HOST_NOBODY(text), HOST_ROOT(text)
#define USER(text) .mode_expect[MODE_USER] = text
#define NESTED(text) .mode_expect[MODE_NESTED] = text
#define UNFILTERED .place = BARE
/* the control does another thing */
#define BUT(probe_) .control_probe = probe_
#define PLANTED .planted_by_root = true

/* Each ends with a row without a probe. */
extern const struct row rows_call[], rows_file[], rows_init[], rows_net[], rows_self[];
