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

# GRUS_APPEND_CXXFLAGS(VARIABLE, FLAGS)
# -------------------------------------
# The same for the C++ compiler; to be used where C++ is the language of tests.
AC_DEFUN([GRUS_APPEND_CXXFLAGS], [
  for grus_flag in $2; do
    AC_MSG_CHECKING([whether $CXX takes $grus_flag])
    grus_saved_CXXFLAGS=$CXXFLAGS
    CXXFLAGS="$CXXFLAGS $[]$1 $grus_flag -Werror"
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int grus_probe(int x); int grus_probe(int x) { return x + 1; }]])],
      [grus_taken=yes], [grus_taken=no])
    CXXFLAGS=$grus_saved_CXXFLAGS
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

# GRUS_CHECK_ZLIB
# ---------------
# Unless --without-zlib: as GRUS_PKG; defines GRUS_ZLIB, and ZLIB_PC is its module.
AC_DEFUN([GRUS_CHECK_ZLIB], [
  AC_ARG_WITH([zlib], [AS_HELP_STRING([--without-zlib], [refuse shards in gzip])], [], [with_zlib=yes])
  AS_IF([test "x$with_zlib" != xno],
    [GRUS_PKG([ZLIB], [zlib >= 1.2.8], [zlib1g-dev])
     AC_DEFINE([GRUS_ZLIB], [1], [Define to read and write gzip.])
     ZLIB_PC=zlib grus_gzip=' gzip'],
    [ZLIB_PC= ZLIB_CFLAGS= ZLIB_LIBS= grus_gzip=' (gzip: Debian package zlib1g-dev)'])
  AC_SUBST([ZLIB_PC])
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

# GRUS_CHECK_SENTENCEPIECE
# ------------------------
# Sets SENTENCEPIECE_CFLAGS and SENTENCEPIECE_LIBS, in which is the runtime library of C++, so that the linker of C will
# do; grus_sentencepiece to yes or no; and the condition HAVE_SENTENCEPIECE. Defines GRUS_SENTENCEPIECE.
AC_DEFUN([GRUS_CHECK_SENTENCEPIECE], [
  AC_ARG_WITH([sentencepiece],
    [AS_HELP_STRING([--with-sentencepiece], [tokenize with the library of SentencePiece, yes, no or auto [auto]])],
    [], [with_sentencepiece=auto])
  grus_sentencepiece=no
  AS_IF([test "x$with_sentencepiece" != xno],
    [PKG_CHECK_MODULES([SENTENCEPIECE], [sentencepiece >= 0.1.95], [GRUS_TRY_SENTENCEPIECE], [:])
     AS_IF([test "x$with_sentencepiece:$grus_sentencepiece" = xyes:no],
       [GRUS_MISSING([SentencePiece and a C++ compiler for C++17], [g++ libsentencepiece-dev])])])
  AS_IF([test "x$grus_sentencepiece" = xyes],
    [grus_sentencepiece_tokenizer=' sentencepiece'
     AC_DEFINE([GRUS_SENTENCEPIECE], [1], [Define to build the tokenizer of SentencePiece models.])],
    [grus_sentencepiece_tokenizer=' (sentencepiece: Debian package libsentencepiece-dev)'
     SENTENCEPIECE_CFLAGS= SENTENCEPIECE_LIBS=])
  AM_CONDITIONAL([HAVE_SENTENCEPIECE], [test "x$grus_sentencepiece" = xyes])
])

# Whether a program that is compiled as C++ and linked as C can be made with it, and with which runtime library.
AC_DEFUN([GRUS_TRY_SENTENCEPIECE], [
  grus_saved_LIBS=$LIBS
  LIBS=
  AC_SEARCH_LIBS([__cxa_throw], [stdc++ c++], [grus_cxx_runtime=$LIBS], [grus_cxx_runtime=])
  SENTENCEPIECE_LIBS="-lsentencepiece $grus_cxx_runtime"
  AC_LANG_PUSH([C++])
  grus_saved_CXXFLAGS=$CXXFLAGS
  CXXFLAGS="$CXXFLAGS -std=gnu++17 $SENTENCEPIECE_CFLAGS"
  LIBS="$SENTENCEPIECE_LIBS"
  AC_MSG_CHECKING([whether $CXX can use SentencePiece])
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <sentencepiece_processor.h>]],
      [[sentencepiece::SentencePieceProcessor processor;
        return processor.LoadFromSerializedProto({"", 0}).ok() ? 0 : processor.GetPieceSize();]])],
    [grus_sentencepiece=yes])
  AC_MSG_RESULT([$grus_sentencepiece])
  CXXFLAGS=$grus_saved_CXXFLAGS
  LIBS=$grus_saved_LIBS
  AC_LANG_POP([C++])
])

# GRUS_CHECK_SET(NAME, WORDS, FLAGS, INCLUDE, BODY)
# -------------------------------------------------
# Whether the compiler has an instruction set, with FLAGS: then defines GRUS_NAME, and HAVE_NAME for Automake, and
# GRUS_NAME_CFLAGS holds FLAGS.
AC_DEFUN([GRUS_CHECK_SET], [
  AC_MSG_CHECKING([whether $CC has $2])
  grus_saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS $3"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <$4>]], [[$5]])], [grus_has_$1=yes], [grus_has_$1=no])
  CFLAGS=$grus_saved_CFLAGS
  AC_MSG_RESULT([$grus_has_$1])
  AS_IF([test "x$grus_has_$1" = xyes], [AC_DEFINE([GRUS_$1], [1], [Define to build what needs $2.])])
  AC_SUBST([GRUS_$1_CFLAGS], ["$3"])
  AM_CONDITIONAL([HAVE_$1], [test "x$grus_has_$1" = xyes])
])
