/* The daemon's own log: one line an event, to stderr. A job's log is not this one. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

enum log_format { LOG_LOGFMT, LOG_JSON };

/* role is shown as role=… on each line; borrowed for good. Level and format are as log_choose had them
 * in the process that started us with log_environment(); info and logfmt otherwise. */
void log_setup(const char *role) __attribute__((nonnull));

/* Lines below level are not written. For this process and for those it starts from now on. */
void log_choose(enum log_level level, enum log_format format);

/* The variable NAME=VALUE by which a role learns what was chosen; ours. */
char *log_environment(void) __attribute__((returns_nonnull));

/* "debug", "info", "warn"/"warning", "error". */
bool log_level_named(const char *name, enum log_level *ret) __attribute__((nonnull));
/* "logfmt", "json". */
bool log_format_named(const char *name, enum log_format *ret) __attribute__((nonnull));

/*
 * time=… level=… role=… msg="…" key=value …
 * {"time":"…","level":"…","role":"…","msg":"…","key":"value"}
 * After msg come pairs of strings, key then value, ended by NULL; values are quoted and their control
 * bytes escaped. A NULL value leaves the pair out. Lines over 4 KiB are cut: the
 * field that does not fit is left out with all behind it, in logfmt cut within. Never fails.
 */
void log_line(enum log_level level, const char *msg, ...)
	__attribute__((nonnull(2), sentinel, cold));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
