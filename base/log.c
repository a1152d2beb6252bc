#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

static const char variable[] = "COURSER_LOG";

static struct {
	const char *role;
	enum log_level level;
	enum log_format format;
	char environment[48];
} setup = { "courser", LOG_INFO, LOG_LOGFMT, "COURSER_LOG=info,logfmt" };

static const char *const level_names[] = { "debug", "info", "warning", "error" };
static const char *const format_names[] = { "logfmt", "json" };

void log_choose(enum log_level level, enum log_format format)
{
	setup.level = level;
	setup.format = format;
	snprintf(setup.environment, sizeof setup.environment, "%s=%s,%s", variable,
		 level_names[level], format_names[format]);
}

char *log_environment(void)
{
	return setup.environment;
}

void log_setup(const char *role)
{
	enum log_level level;
	enum log_format format;
	char words[32];
	const char *given = getenv(variable);
	setup.role = role;
	snprintf(words, sizeof words, "%s", given ? given : "");
	char *comma = strchr(words, ',');
	if (!comma)
		return;
	*comma = '\0';
	if (log_level_named(words, &level) && log_format_named(comma + 1, &format))
		log_choose(level, format);
}

/* The place of name among count names, -1 when it is none of them. */
static int place_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(name, names[i]) == 0)
			return (int)i;
	return -1;
}

bool log_level_named(const char *name, enum log_level *ret)
{
	if (strcasecmp(name, "warn") == 0)
		name = "warning";
	int place = place_of(name, level_names, sizeof level_names / sizeof *level_names);
	if (place >= 0)
		*ret = (enum log_level)place;
	return place >= 0;
}

bool log_format_named(const char *name, enum log_format *ret)
{
	int place = place_of(name, format_names, sizeof format_names / sizeof *format_names);
	if (place >= 0)
		*ret = (enum log_format)place;
	return place >= 0;
}

static int logfmt_pair(struct buf *b, const char *key, const char *value, struct err *e)
{
	if (buf_printf(b, e, "%s%s=", b->len ? " " : "", key) < 0)
		return -1;
	return str_quote(b, value, strlen(value), e);
}

/* Whole or not at all, with room for what ends the line. */
static int json_pair(struct buf *b, const char *key, const char *value, struct err *e)
{
	size_t before = b->len;
	if (buf_str(b, before ? "," : "{", e) == 0 && str_json(b, key, strlen(key), e) == 0 &&
	    buf_char(b, ':', e) == 0 && str_json(b, value, strlen(value), e) == 0 &&
	    b->len + 2 <= LINE_MAX_BYTES)
		return 0;
	b->len = before;
	return -1;
}

/* What ends a line; where there is no room for it, its last byte goes. */
static void end_line(struct buf *b)
{
	struct err e = { 0 };
	if (setup.format == LOG_JSON && buf_char(b, '}', &e) < 0)
		return;
	if (buf_char(b, '\n', &e) < 0)
		b->p[b->len - 1] = '\n';
}

void log_line(enum log_level level, const char *msg, ...)
{
	static int (*const pairs[])(struct buf *, const char *, const char *, struct err *) = {
		[LOG_LOGFMT] = logfmt_pair,
		[LOG_JSON] = json_pair,
	};
	int (*pair)(struct buf *, const char *, const char *, struct err *) = pairs[setup.format];
	if (level < setup.level)
		return;
	struct err e = { 0 };
	autobuf b = BUF(LINE_MAX_BYTES);
	char when[CLOCK_TEXT];
	clock_text(clock_wall_us(), when);
	bool whole = pair(&b, "time", when, &e) == 0 &&
		     pair(&b, "level", level_names[level], &e) == 0 &&
		     pair(&b, "role", setup.role, &e) == 0 && pair(&b, "msg", msg, &e) == 0;
	va_list ap;
	va_start(ap, msg);
	for (const char *key; whole && (key = va_arg(ap, const char *)) != NULL;) {
		const char *value = va_arg(ap, const char *);
		whole = !value || pair(&b, key, value, &e) == 0;
	}
	va_end(ap);
	if (b.len == 0)
		return;
	end_line(&b);
	ssize_t ignored = write(STDERR_FILENO, b.p, b.len);
	(void)ignored;
}
