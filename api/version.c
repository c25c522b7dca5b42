// version.c: which grus this is.
#include "config.h"

#include "grus.h"

const char *grus_version(void)
{
    return PACKAGE_VERSION;
}
