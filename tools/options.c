/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The command line of sbx-run. An option of the key table is a name for its key and nothing more: the library checks
 * the value, and its sentence is given on under the option's name. Options take effect in the order they stand in.
 */
#include "options.h"

#include <string.h>

#include "line.h"
#include "switches.h"

struct key {
	const char *name;
	const char *type; /* as written in the table: "BIND" */
	const char *group;
	const char *option;
	const char *arg;
	const char *default_value;
	const char *doc;
};

#define KEY(name, type, group, option, arg, default_value, flags, doc) \
	{ name, #type, group, option, arg, default_value, doc },
static const struct key keys[] = {
#include "../lib/key.def"
};
#undef KEY

/* Two values may name something outside by a relative path, as on any command line: the library wants it absolute.
 * NULL: take the value as it is. */
static char *
options_absolute(const struct key *key, const char *value)
{
	g_autofree char *cwd = NULL;
	g_autofree char *whole = NULL;
	g_autofree char *inside = NULL;
	g_autoptr(GString) source = NULL;

	if (!key || !*value || *value == '/')
		return NULL;
	if (strcmp(key->type, "ROOT") == 0 || strcmp(key->type, "NET") == 0) {
		/* a bare word stays what it is, so that a misspelt "host" is not taken for a directory */
		if (!strchr(value, '/') && strcmp(value, ".") != 0 && strcmp(value, "..") != 0)
			return NULL;
		cwd = g_get_current_dir();
		return g_build_filename(cwd, value, NULL);
	}
	if (strcmp(key->type, "BIND") != 0 || *value == ':')
		return NULL;

	cwd = g_get_current_dir();
	source = g_string_new(NULL);
	for (const char *p = cwd; *p; p++) {
		if (*p == ':' || *p == '\\')
			g_string_append_c(source, '\\');
		g_string_append_c(source, *p);
	}
	whole = g_strdup_printf("%s/%s", source->str, value);
	for (const char *p = value; *p && *p != ':'; p++) {
		if (*p == '\\' && p[1])
			p++;
		if (p[1] == ':')
			return g_steal_pointer(&whole);
	}
	/* no DST: the same path inside, where ".." and "." have no place */
	inside = g_canonicalize_filename(whole, "/");
	return g_strdup_printf("%s:%s", whole, inside);
}

/* The library's sentence begins with the key; here the user wrote `option`. */
static gboolean
options_refuse(const char *option, const char *key, const sbx_error *problem, GError **error)
{
	const char *text = sbx_error_message(problem);
	const char *hint = sbx_error_hint(problem);
	gsize length = strlen(key);

	if (length > 0 && strncmp(text, key, length) == 0 && g_str_has_prefix(text + length, ": "))
		text += length + 2;
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s%s%s", option, text, *hint ? "; " : "", hint);
	return FALSE;
}

/* `name` may carry the "?" and "+" of sbx_spec_set(). */
static gboolean
options_apply(struct options *options, const char *option, const char *name, const char *value, GError **error)
{
	g_autoptr(sbx_error) problem = NULL;
	g_autofree char *bare = g_strdup(*name == '?' ? name + 1 : name);
	g_autofree char *absolute = NULL;
	const struct key *key = NULL;

	if (g_str_has_suffix(bare, "+"))
		bare[strlen(bare) - 1] = '\0';
	for (gsize i = 0; i < G_N_ELEMENTS(keys) && !key; i++)
		if (strcmp(keys[i].name, bare) == 0)
			key = &keys[i];
	absolute = options_absolute(key, value);
	if (sbx_spec_set(options->spec, name, absolute ? absolute : value, &problem) < 0)
		return options_refuse(option, bare, problem, error);
	options->n_applied++;
	return TRUE;
}

/* --memory and all the others of the table */
static gboolean
options_on_key(const char *option, const char *value, gpointer data, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		if (keys[i].option && strcmp(keys[i].option, option + 2) == 0)
			return options_apply(data, option, keys[i].name, keys[i].arg ? value : "yes", error);
	g_assert_not_reached(); /* the entries were made from this table */
}

static gboolean
options_on_pair(const char *option, const char *value, gpointer data, GError **error)
{
	const char *equals = strchr(value, '=');
	g_autofree char *name = NULL;
	g_autofree char *shown = NULL;

	if (!equals || equals == value) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		            "%s: \"%s\" is not KEY=VALUE; accepted: any key of sbx-run --list-keys, as in memory.max=512M",
		            option, value);
		return FALSE;
	}
	name = g_strndup(value, equals - value);
	shown = g_strdup_printf("%s %s", option, name);
	return options_apply(data, shown, name, equals + 1, error);
}

/* A file, or one of the three built-in profiles, which are where a spec starts from. */
static gboolean
options_on_profile(const char *option, const char *value, gpointer data, GError **error)
{
	static const char *const builtin[] = { "default", "build", "empty", NULL };
	struct options *options = data;
	g_autoptr(sbx_error) problem = NULL;
	sbx_spec *spec = NULL;

	if (!g_strv_contains(builtin, value)) {
		if (sbx_spec_load(options->spec, value, &problem) < 0)
			return options_refuse(option, "", problem, error);
		options->n_applied++;
		return TRUE;
	}
	if (options->n_applied > 0) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		            "%s: the built-in profile \"%s\" cannot follow options that set something; accepted: put it first, "
		            "or ./%s for a file of that name",
		            option, value, value);
		return FALSE;
	}
	if (sbx_spec_new(&spec, value, &problem) < 0)
		return options_refuse(option, "", problem, error);
	sbx_spec_free(options->spec);
	options->spec = spec;
	options->n_applied++;
	return TRUE;
}

static gboolean
options_on_report(const char *option, const char *value, gpointer data, GError **error)
{
	struct options *options = data;

	if (!*value) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		            "%s: \"\" is not a file; accepted: a file name, or - for stderr", option);
		return FALSE;
	}
	g_free(options->report);
	options->report = g_strdup(value);
	return TRUE;
}

static gboolean
options_on_list(const char *option, const char *value, gpointer data, GError **error)
{
	struct options *options = data;

	if (value && strcmp(value, "json") != 0) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		            "%s: \"%s\" is not a format; accepted: %s alone, or %s=json", option, value, option, option);
		return FALSE;
	}
	if (strcmp(option, "--doctor") == 0)
		options->action = value ? OPTIONS_DOCTOR_JSON : OPTIONS_DOCTOR;
	else
		options->action = value ? OPTIONS_KEYS_JSON : OPTIONS_KEYS;
	return TRUE;
}

static gboolean
options_on_switch(const char *option, G_GNUC_UNUSED const char *value, gpointer data, G_GNUC_UNUSED GError **error)
{
	struct options *options = data;

	if (strcmp(option, "--progress") == 0)
		options->progress = TRUE;
	else if (strcmp(option, "--dry-run") == 0)
		options->action = OPTIONS_PLAN;
	else if (strcmp(option, "--sweep") == 0)
		options->action = OPTIONS_SWEEP;
	else if (strcmp(option, "--version") == 0)
		options->action = OPTIONS_VERSION;
	else if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)
		options->action = OPTIONS_HELP;
	else
		options->verbose = TRUE;
	return TRUE;
}

#define SWITCH(name, letter, doc)                                                               \
	{                                                                                           \
		name, letter, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, options_on_switch, doc, NULL \
	}
/* FILENAME: any bytes, unchanged */
#define TAKES(name, letter, flags, function, doc, arg)                                            \
	{                                                                                             \
		name, letter, G_OPTION_FLAG_FILENAME | (flags), G_OPTION_ARG_CALLBACK, function, doc, arg \
	}
static const GOptionEntry own[] = {
	TAKES("profile", 0, 0, options_on_profile, "read options from FILE, or start from default, build or empty", "FILE"),
	TAKES("option", 'o', 0, options_on_pair, "set any key; ?KEY is best effort, KEY+ adds", "KEY=VALUE"),
	TAKES("report", 0, 0, options_on_report, "write a JSON report to FILE, or - for stderr", "FILE"),
	SWITCH("progress", 0, "show one live status line, on a terminal"),
	SWITCH("dry-run", 0, "print the system calls that would be made, run nothing"),
	SWITCH("sweep", 0, "remove what killed hosts left: below --cgroup PARENT, or everywhere"),
	TAKES("list-keys", 0, G_OPTION_FLAG_OPTIONAL_ARG, options_on_list, "list every key, as a table or as JSON", "json"),
	TAKES("doctor", 0, G_OPTION_FLAG_OPTIONAL_ARG, options_on_list,
	      "say what would work here, and what repairs the rest", "json"),
	SWITCH("verbose", 'v', "say what was set up, and sum up at the end"),
	SWITCH("version", 0, "print the version"),
	SWITCH("help", 'h', "print this help"),
	{ .long_name = NULL },
};

/* Those of the key table, and our own, which end it. */
#define N_ENTRIES (G_N_ELEMENTS(keys) + G_N_ELEMENTS(own))

static void
options_entries(GOptionEntry *entries)
{
	gsize n = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (!keys[i].option)
			continue;
		entries[n++] = (GOptionEntry){
			.long_name = keys[i].option,
			.flags = keys[i].arg ? G_OPTION_FLAG_FILENAME : G_OPTION_FLAG_NO_ARG,
			.arg = G_OPTION_ARG_CALLBACK,
			.arg_data = options_on_key,
		};
	}
	memcpy(entries + n, own, sizeof own);
}

static GOptionContext *
options_context(struct options *options, const GOptionEntry *entries)
{
	GOptionContext *context = g_option_context_new(NULL);
	GOptionGroup *group = g_option_group_new("sbx-run", "sbx-run", "sbx-run", options, NULL);

	g_option_group_add_entries(group, entries);
	g_option_context_set_main_group(context, group);
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_strict_posix(context, TRUE);
	return context;
}

gboolean
options_parse(struct options *options, int argc, char **argv, GError **error)
{
	GOptionEntry entries[N_ENTRIES];
	g_autoptr(GOptionContext) context = NULL;
	g_autoptr(sbx_error) problem = NULL;
	g_autoptr(GError) bad = NULL;

	options_entries(entries);
	if (!switches_check(entries, argv, error))
		return FALSE;
	context = options_context(options, entries);
	if (sbx_spec_new(&options->spec, NULL, &problem) < 0)
		return options_refuse("default profile", "", problem, error);
	if (!g_option_context_parse(context, &argc, &argv, &bad)) {
		if (bad->code == G_OPTION_ERROR_BAD_VALUE && !g_str_has_prefix(bad->message, "Missing")) {
			g_propagate_error(error, g_steal_pointer(&bad));
			return FALSE;
		}
		/* GLib's own sentence: "Unknown option --foo", "Missing argument for --memory" */
		g_set_error(error, G_OPTION_ERROR, bad->code, "%c%s; sbx-run --help lists the options",
		            g_ascii_tolower(bad->message[0]), bad->message + 1);
		return FALSE;
	}
	/* GLib leaves the "--" where an argument after it begins with a dash */
	options->command = argv + 1;
	if (options->command[0] && strcmp(options->command[0], "--") == 0)
		options->command++;
	return TRUE;
}

void
options_clear(struct options *options)
{
	sbx_spec_free(options->spec);
	g_free(options->report);
}

static void
options_line(GString *text, const char *left, const char *doc)
{
	g_string_append_printf(text, "  %-34s %s\n", left, doc);
}

char *
options_help(void)
{
	GString *text = g_string_new("Usage: sbx-run [OPTION...] [--] COMMAND [ARG...]\nRun COMMAND in a sandbox.\n");
	const char *group = "";

	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *left = NULL;

		if (!keys[i].option)
			continue;
		if (strcmp(keys[i].group, group) != 0)
			g_string_append_printf(text, "\n%c%s:\n", g_ascii_toupper(keys[i].group[0]), keys[i].group + 1);
		group = keys[i].group;
		left = g_strdup_printf("--%s %s", keys[i].option, keys[i].arg ? keys[i].arg : "");
		options_line(text, left, keys[i].doc);
	}
	g_string_append(text, "\nOthers:\n");
	for (const GOptionEntry *entry = own; entry->long_name; entry++) {
		char letter[] = { '-', entry->short_name, ',', ' ', '\0' };
		const char *before = entry->flags & G_OPTION_FLAG_OPTIONAL_ARG ? "[=" : " ";
		const char *after = entry->flags & G_OPTION_FLAG_OPTIONAL_ARG ? "]" : "";
		g_autofree char *left = NULL;

		left =
			g_strconcat(entry->short_name ? letter : "", "--", entry->long_name, entry->arg_description ? before : "",
		                entry->arg_description ? entry->arg_description : "", after, NULL);
		options_line(text, left, entry->description);
	}
	g_string_append(text, "\nSIZE: bytes, or with K M G T (1024-based), or max. TIME: 10, 10s, 500ms, 2m, 1h.\n"
	                      "Exit status: that of COMMAND; 128+N: signal N; 137: out of memory; 159: a system call that\n"
	                      "the seccomp policy does not allow; 124: time limit;\n"
	                      "125: sbx-run or the sandbox failed; 126: found but not executable; 127: not found.\n");
	return g_string_free(text, FALSE);
}

char *
options_keys(void)
{
	GString *text = g_string_new(NULL);
	const char *group = "";

	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		const struct key *key = &keys[i];
		g_autofree char *option = NULL;

		if (strcmp(key->group, group) != 0)
			g_string_append_printf(text, "%s[%s]\n", *group ? "\n" : "", key->group);
		group = key->group;
		option = g_strconcat(key->option ? "--" : "-o ", key->option ? key->option : key->name, key->option ? " " : "=",
		                     key->arg ? key->arg : "", NULL);
		g_string_append_printf(text, "%-22s %-33s %-8s %s\n", key->name, g_strchomp(option),
		                       key->default_value ? key->default_value : "-", key->doc);
	}
	return g_string_free(text, FALSE);
}
