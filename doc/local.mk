# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# Man pages and shell completion.

dist_man_MANS += doc/sbx-run.1 doc/sbx-profile.5 doc/sbx-report.5 doc/sbx-cgroups.7 doc/sbx-seccomp.7 doc/sbx-security.7

bashcompdir = $(datadir)/bash-completion/completions

install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(bashcompdir)"
	$(INSTALL_DATA) $(srcdir)/doc/sbx-run.bash "$(DESTDIR)$(bashcompdir)/sbx-run"

uninstall-local:
	rm -f "$(DESTDIR)$(bashcompdir)/sbx-run"
	-rmdir "$(DESTDIR)$(sbxlibexecdir)" 2>/dev/null || :

EXTRA_DIST += doc/sbx-run.bash
