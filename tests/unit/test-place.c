/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Whose part of systemd's tree a group stands in: names of units, and the boundary on made-up trees. */
#include <glib.h>
#include <string.h>

#include "place-unit.h"

/* --- names ------------------------------------------------------------------------------------------------------- */

static void
test_unit(void)
{
	static const struct {
		const char *group, *unit;
	} rows[] = {
		{ "system.slice/cron.service", "cron.service" },
		{ "cron.service", "cron.service" },
		{ "a.slice/run-r1.scope", "run-r1.scope" },
		{ "a.slice/_cgroup.scope", "cgroup.scope" }, /* as systemd has to call it: cgroup.* are the kernel's */
		{ "a.slice/__x.scope", "_x.scope" },
		{ "user.slice", NULL },
		{ "a.service/runner", NULL },
		{ "a.slice/.service", NULL },
		{ "a.slice/.scope", NULL },
		{ "a.slice/_.scope", NULL },
		{ "a.slice/service", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].group);
		g_assert_cmpstr(place_unit(rows[i].group), ==, rows[i].unit);
	}
}

static void
test_manager(void)
{
	static const char *const none[] = { "",
		                                "user@.service",
		                                "user@x.service",
		                                "user@1000.service.d",
		                                "user@1000.scope",
		                                "user@1000",
		                                "user@1000x.service",
		                                "user@-1.service",
		                                "user@4294967295.service",
		                                "user@99999999999999999999.service",
		                                "suser@1000.service",
		                                "user@1000.service/app.slice" };
	uid_t uid = 7;

	for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
		g_test_message("%s", none[i]);
		g_assert_false(place_is_manager(none[i], &uid));
	}
	g_assert_cmpuint(uid, ==, 7);
	g_assert_true(place_is_manager("user.slice/user-1000.slice/user@1000.service", &uid));
	g_assert_cmpuint(uid, ==, 1000);
	g_assert_true(place_is_manager("user@0.service", &uid));
	g_assert_cmpuint(uid, ==, 0);
	g_assert_true(place_manager_above("user@12.service/app.slice/a.scope", &uid));
	g_assert_cmpuint(uid, ==, 12);
	g_assert_true(place_manager_above("user@13.service/a.scope/user@14.service", &uid));
	g_assert_cmpuint(uid, ==, 13);
	g_assert_false(place_manager_above("user@13.service", &uid));
	g_assert_false(place_manager_above("system.slice/a.service", &uid));
	g_assert_false(place_manager_above("", &uid));
}

/* --- the boundary ------------------------------------------------------------------------------------------------ */

#define USER_SLICE "user.slice/user-1000.slice/"
#define MANAGER USER_SLICE "user@1000.service"

struct tree {
	const char *marked[3];    /* groups with the mark */
	const char *given[3];     /* groups that can be written, below such as can't */
	const char *delegated[3]; /* units of which the user's manager says so */
	GString *asked;
};

static bool
is_one_of(const char *const names[3], const char *name)
{
	for (int i = 0; i < 3 && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
is_marked(const char *group, void *data)
{
	return is_one_of(((struct tree *)data)->marked, group);
}

static bool
is_given(const char *group, void *data)
{
	return is_one_of(((struct tree *)data)->given, group);
}

static bool
is_delegated(const char *unit, void *data)
{
	struct tree *tree = data;

	g_string_append_printf(tree->asked, "%s ", unit);
	return is_one_of(tree->delegated, unit);
}

struct boundary_row {
	const char *name, *own;
	uid_t uid;
	struct tree tree;
	const char *expected, *asked;
};

static const struct boundary_row boundaries[] = {
	{ "service",
	  "system.slice/a.service",
	  0,
	  { .marked = { "system.slice/a.service" } },
	  "system.slice/a.service",
	  "" },
	{ "below-service",
	  "system.slice/a.service/x/y",
	  0,
	  { .marked = { "system.slice/a.service" } },
	  "system.slice/a.service",
	  "" },
	/* a delegated unit's part that was given on: the nearest counts */
	{ "nearest",
	  "system.slice/a.service/b.scope/x",
	  0,
	  { .marked = { "system.slice/a.service", "system.slice/a.service/b.scope" } },
	  "system.slice/a.service/b.scope",
	  "" },
	{ "undelegated", "system.slice/a.service", 0, { .marked = { NULL } }, NULL, "" },
	{ "root", "", 0, { .marked = { "" }, .given = { "" } }, NULL, "" },
	{ "session", USER_SLICE "session-3.scope", 1000, { .marked = { NULL } }, NULL, "" },
	/* the user manager's own group is its own, mark and all, and so is what it divides */
	{ "manager", MANAGER, 1000, { .marked = { MANAGER }, .given = { MANAGER } }, NULL, "" },
	{ "manager-init",
	  MANAGER "/init.scope",
	  1000,
	  { .marked = { MANAGER }, .given = { MANAGER } },
	  NULL,
	  "init.scope " },
	{ "manager-slice",
	  MANAGER "/app.slice/a.service",
	  1000,
	  { .marked = { MANAGER, MANAGER "/app.slice" }, .given = { MANAGER } },
	  NULL,
	  "a.service " },
	{ "user-unit",
	  MANAGER "/app.slice/run-r1.scope/x",
	  1000,
	  { .marked = { MANAGER }, .delegated = { "run-r1.scope" } },
	  MANAGER "/app.slice/run-r1.scope",
	  "run-r1.scope " },
	{ "user-unit-escaped",
	  MANAGER "/app.slice/_cgroup.scope",
	  1000,
	  { .delegated = { "cgroup.scope" } },
	  MANAGER "/app.slice/_cgroup.scope",
	  "cgroup.scope " },
	/* what looks like a unit in a delegated one, as other managers of groups name theirs */
	{ "unit-in-unit",
	  MANAGER "/app.slice/a.scope/libpod-1.scope/x",
	  1000,
	  { .delegated = { "a.scope" } },
	  MANAGER "/app.slice/a.scope",
	  "libpod-1.scope a.scope " },
	/* the manager is another user's: it is not asked */
	{ "other-user", MANAGER "/app.slice/a.scope", 0, { .delegated = { "a.scope" } }, NULL, "" },
	{ "marked-user-unit",
	  MANAGER "/app.slice/a.scope",
	  1000,
	  { .marked = { MANAGER "/app.slice/a.scope" } },
	  MANAGER "/app.slice/a.scope",
	  "" },
	/* an old systemd leaves no mark that a user can read */
	{ "given",
	  "system.slice/a.service/x",
	  1000,
	  { .given = { "system.slice/a.service" } },
	  "system.slice/a.service",
	  "" },
	/* the slices of a systemd inside a container are its own, whoever gave it the unit around them */
	{ "inner-systemd",
	  "machine.slice/machine-c.scope/system.slice/a.service",
	  0,
	  { .marked = { "machine.slice/machine-c.scope" } },
	  NULL,
	  "" },
	{ "slice-itself", "machine.slice", 0, { .marked = { "machine.slice" } }, NULL, "" },
};

static void
test_boundary(gconstpointer data)
{
	const struct boundary_row *row = data;
	g_autoptr(GString) asked = g_string_new(NULL);
	struct tree tree = row->tree;
	const struct unit_facts facts = { is_marked, is_given, is_delegated, &tree };
	g_autofree char *boundary = NULL;

	tree.asked = asked;
	boundary = place_boundary(row->own, row->uid, &facts);
	g_assert_cmpstr(boundary, ==, row->expected);
	g_assert_cmpstr(asked->str, ==, row->asked);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/place/unit", test_unit);
	g_test_add_func("/place/manager", test_manager);
	for (size_t i = 0; i < G_N_ELEMENTS(boundaries); i++) {
		g_autofree char *path = g_strdup_printf("/place/boundary/%s", boundaries[i].name);

		g_test_add_data_func(path, &boundaries[i], test_boundary);
	}
	return g_test_run();
}
