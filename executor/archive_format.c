#include "executor/archive_format.h"

#include <string.h>

struct format {
	const char *name, *suffix;
};

static const struct format formats[ARCHIVE_FORMATS] = {
	[ARCHIVE_ZIP] = { "zip", ".zip" },
	[ARCHIVE_GZIP] = { "gzip", ".gz" },
	[ARCHIVE_RAW] = { "raw", "" },
	[ARCHIVE_ZIPZSTD] = { "zipzstd", ".zip" },
	[ARCHIVE_TARZSTD] = { "tarzstd", ".tar.zst" },
};

bool archive_format_named(const char *name, enum archive_format *ret)
{
	for (unsigned i = 0; i < ARCHIVE_FORMATS; i++)
		if (strcmp(formats[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

const char *archive_suffix(enum archive_format f)
{
	return formats[f].suffix;
}
