/* The formats of artifacts by name: for those who do not pack themselves. */
#ifndef EXECUTOR_ARCHIVE_FORMAT_H
#define EXECUTOR_ARCHIVE_FORMAT_H

#include <stdbool.h>

/* As GitLab calls them. */
enum archive_format {
	ARCHIVE_ZIP,
	ARCHIVE_GZIP, /* each file a member with its name, one behind the other */
	ARCHIVE_RAW,  /* the bytes of exactly one file */
	ARCHIVE_ZIPZSTD,
	ARCHIVE_TARZSTD,
	ARCHIVE_FORMATS
};

/* "zip" …; false for another word. */
bool archive_format_named(const char *name, enum archive_format *ret) __attribute__((nonnull));
/* What the file's name ends in: ".zip", ".gz", "", ".zip", ".tar.zst". */
const char *archive_suffix(enum archive_format f) __attribute__((returns_nonnull));

#endif
