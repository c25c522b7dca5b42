# Probes for compiler and linker flags, and the list of what is missing.

# GRUS_APPEND_CFLAGS(VARIABLE, FLAGS)
# -----------------------------------
# Appends to the shell variable VARIABLE each of FLAGS that the compiler takes together with the flags that
# VARIABLE already holds. An unknown flag, or one that only makes the compiler grumble, is left out.
AC_DEFUN([GRUS_APPEND_CFLAGS], [
  for grus_flag in $2; do
    AC_MSG_CHECKING([whether $CC takes $grus_flag])
    grus_saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $GRUS_OPT_CFLAGS $[]$1 $grus_flag -Werror"
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int grus_probe(int x); int grus_probe(int x) { return x + 1; }]])],
      [grus_taken=yes], [grus_taken=no])
    CFLAGS=$grus_saved_CFLAGS
    AC_MSG_RESULT([$grus_taken])
    AS_IF([test "x$grus_taken" = xyes], [AS_VAR_APPEND([$1], [" $grus_flag"])])
  done
])

# GRUS_APPEND_LDFLAGS(VARIABLE, FLAGS, [COMPILER-FLAGS])
# ------------------------------------------------------
# The same for flags of the link; COMPILER-FLAGS are in force during the probe and go nowhere.
AC_DEFUN([GRUS_APPEND_LDFLAGS], [
  for grus_flag in $2; do
    AC_MSG_CHECKING([whether the linker takes $grus_flag])
    grus_saved_CFLAGS=$CFLAGS
    grus_saved_LDFLAGS=$LDFLAGS
    CFLAGS="$CFLAGS $3"
    LDFLAGS="$LDFLAGS $[]$1 $grus_flag -Werror"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [grus_taken=yes], [grus_taken=no])
    CFLAGS=$grus_saved_CFLAGS
    LDFLAGS=$grus_saved_LDFLAGS
    AC_MSG_RESULT([$grus_taken])
    AS_IF([test "x$grus_taken" = xyes], [AS_VAR_APPEND([$1], [" $grus_flag"])])
  done
])

# GRUS_MISSING(WHAT, DEBIAN-PACKAGE)
# ----------------------------------
# Remembers that WHAT was not found, so that one run of configure names everything there is to install.
AC_DEFUN([GRUS_MISSING], [
  AS_VAR_APPEND([grus_missing], ["
  $1  (Debian package: $2)"])
  AS_VAR_APPEND([grus_missing_packages], [" $2"])
])

# GRUS_STOP_IF_MISSING
# --------------------
AC_DEFUN([GRUS_STOP_IF_MISSING], [
  AS_IF([test -n "$grus_missing"], [AC_MSG_ERROR([not found:
$grus_missing

On Debian and its relatives:  apt-get install$grus_missing_packages
config.log tells how each was looked for.])])
])

# GRUS_PKG(PREFIX, MODULE, DEBIAN-PACKAGE)
# ----------------------------------------
# pkg-config's flags for MODULE in PREFIX_CFLAGS and PREFIX_LIBS.
AC_DEFUN([GRUS_PKG], [
  PKG_CHECK_MODULES([$1], [$2], [], [GRUS_MISSING([$2], [$3])])
])

# GRUS_CHECK_BLIS
# ---------------
# Needs SYSTEM_LIBS. Sets BLIS_CPPFLAGS, BLIS_LDFLAGS and BLIS_LIBS. Defines GRUS_BLIS_HEADER, the header to include, and the one of
# HAVE_BLI_CNTX_GET_UKR_DT (BLIS 1.0 and later) and HAVE_BLI_CNTX_GET_L3_NAT_UKR_DT (BLIS 0.9) that fits.
# Both may be inline functions of the header, so what is tried is a program that calls them.
AC_DEFUN([GRUS_CHECK_BLIS], [
  AC_ARG_WITH([blis],
    [AS_HELP_STRING([--with-blis=PREFIX], [take BLIS from PREFIX/include and PREFIX/lib [the system's]])],
    [], [with_blis=yes])
  BLIS_CPPFLAGS= BLIS_LDFLAGS= BLIS_LIBS=-lblis
  AS_CASE([$with_blis],
    [yes], [],
    [no|''], [AC_MSG_ERROR([grus computes every product with BLIS and cannot be built without it])],
    [BLIS_CPPFLAGS="-isystem $with_blis/include"
     BLIS_LDFLAGS="-L$with_blis/lib"
     AS_CASE([$with_blis], [/usr|/usr/local], [], [AS_VAR_APPEND([BLIS_LDFLAGS], [" -Wl,-rpath,$with_blis/lib"])])])

  grus_saved_CPPFLAGS=$CPPFLAGS
  grus_saved_LDFLAGS=$LDFLAGS
  grus_saved_LIBS=$LIBS
  CPPFLAGS="$CPPFLAGS $BLIS_CPPFLAGS"
  LDFLAGS="$LDFLAGS $BLIS_LDFLAGS"

  # Debian has <blis.h>, BLIS's own `make install' <blis/blis.h>.
  grus_blis_header=
  AC_CHECK_HEADER([blis/blis.h], [grus_blis_header='<blis/blis.h>'],
    [AC_CHECK_HEADER([blis.h], [grus_blis_header='<blis.h>'])])
  grus_have_blis=no
  AS_IF([test -n "$grus_blis_header"],
    [LIBS="$BLIS_LIBS $SYSTEM_LIBS $LIBS"
     AC_MSG_CHECKING([for bli_init in -lblis])
     AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include $grus_blis_header]], [[bli_init();]])], [grus_have_blis=yes])
     AC_MSG_RESULT([$grus_have_blis])])

  AS_IF([test "x$grus_have_blis" = xno], [GRUS_MISSING([BLIS (blis.h, -lblis)], [libblis-dev])],
    [AC_DEFINE_UNQUOTED([GRUS_BLIS_HEADER], [$grus_blis_header], [The header of BLIS.])
     grus_blis_api=
     AC_MSG_CHECKING([how BLIS hands out its micro-kernels])
     AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include $grus_blis_header]],
         [[return bli_cntx_get_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, bli_gks_query_cntx()) == 0;]])],
       [grus_blis_api=bli_cntx_get_ukr_dt
        AC_DEFINE([HAVE_BLI_CNTX_GET_UKR_DT], [1], [Define if BLIS has bli_cntx_get_ukr_dt (1.0 and later).])],
       [AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include $grus_blis_header]],
           [[return bli_cntx_get_l3_nat_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, bli_gks_query_cntx()) == 0;]])],
         [grus_blis_api=bli_cntx_get_l3_nat_ukr_dt
          AC_DEFINE([HAVE_BLI_CNTX_GET_L3_NAT_UKR_DT], [1],
            [Define if BLIS has bli_cntx_get_l3_nat_ukr_dt (0.9).])])])
     AC_MSG_RESULT([${grus_blis_api:-unknown}])
     AS_IF([test -z "$grus_blis_api"],
       [GRUS_MISSING([BLIS 0.9 or later (this one hides its micro-kernels)], [libblis-dev])])])

  CPPFLAGS=$grus_saved_CPPFLAGS
  LDFLAGS=$grus_saved_LDFLAGS
  LIBS=$grus_saved_LIBS
  AC_SUBST([BLIS_CPPFLAGS])
  AC_SUBST([BLIS_LDFLAGS])
  AC_SUBST([BLIS_LIBS])
])
