# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# SBX_CC_FOR_BUILD: a compiler, libseccomp and GLib of the machine that builds.
#
# lib/seccomp-names-gen and lib/seccomp-gen run while the tree is being built, so in a cross build they are made by another
# compiler, against other libraries, than the library. init needs neither, and builds where that GLib is missing.

AC_DEFUN([SBX_CC_FOR_BUILD], [
AC_ARG_VAR([CC_FOR_BUILD], [C compiler for programs that run during the build])
AC_ARG_VAR([CFLAGS_FOR_BUILD], [its flags])
AC_ARG_VAR([PKG_CONFIG_FOR_BUILD], [pkg-config for libraries of the build machine])
AS_IF([test "$cross_compiling" = yes], [
	AC_CHECK_PROGS([CC_FOR_BUILD], [$build_alias-gcc gcc clang cc])
	AC_CHECK_PROGS([PKG_CONFIG_FOR_BUILD], [$build_alias-pkg-config pkg-config])
], [
	AS_VAR_SET_IF([CC_FOR_BUILD], [], [CC_FOR_BUILD=$CC])
	AS_VAR_SET_IF([PKG_CONFIG_FOR_BUILD], [], [PKG_CONFIG_FOR_BUILD=$PKG_CONFIG])
])
AC_MSG_CHECKING([for libseccomp >= 2.5 of the build machine])
AS_IF([$PKG_CONFIG_FOR_BUILD --exists 'libseccomp >= 2.5'], [
	SECCOMP_FOR_BUILD_CFLAGS=`$PKG_CONFIG_FOR_BUILD --cflags libseccomp`
	SECCOMP_FOR_BUILD_LIBS=`$PKG_CONFIG_FOR_BUILD --libs libseccomp`
	sbx_seccomp_version=`$PKG_CONFIG_FOR_BUILD --modversion libseccomp`
	AC_MSG_RESULT([$sbx_seccomp_version])
], [
	AC_MSG_RESULT([no])
	AC_MSG_ERROR([libseccomp >= 2.5 is needed to compile the default policy (Debian: libseccomp-dev)])
])
AC_MSG_CHECKING([for glib-2.0 >= 2.72 of the build machine])
AS_IF([$PKG_CONFIG_FOR_BUILD --exists 'glib-2.0 >= 2.72'], [
	GLIB_FOR_BUILD_CFLAGS=`$PKG_CONFIG_FOR_BUILD --cflags glib-2.0`
	GLIB_FOR_BUILD_LIBS=`$PKG_CONFIG_FOR_BUILD --libs glib-2.0`
	sbx_glib_for_build=yes
], [sbx_glib_for_build=no])
AC_MSG_RESULT([$sbx_glib_for_build])
AC_SUBST([GLIB_FOR_BUILD_CFLAGS])
AC_SUBST([GLIB_FOR_BUILD_LIBS])
AC_SUBST([SECCOMP_FOR_BUILD_CFLAGS])
AC_SUBST([SECCOMP_FOR_BUILD_LIBS])
])
