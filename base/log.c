#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

static struct {
	const char *role;
	enum log_level level;
} setup = { "courser", LOG_INFO };

static const char *const level_names[] = { "debug", "info", "warning", "error" };

void log_setup(const char *role, enum log_level level)
{
	setup.role = role;
	setup.level = level;
}

bool log_level_named(const char *name, enum log_level *ret)
{
	if (strcasecmp(name, "warn") == 0)
		name = "warning";
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
		if (strcasecmp(name, level_names[i]) != 0)
			continue;
		*ret = (enum log_level)i;
		return true;
	}
	return false;
}

static int add_pair(struct buf *b, const char *key, const char *value, struct err *e)
{
	if (buf_char(b, ' ', e) < 0 || buf_str(b, key, e) < 0 || buf_char(b, '=', e) < 0)
		return -1;
	return str_quote(b, value, strlen(value), e);
}

void log_line(enum log_level level, const char *msg, ...)
{
	if (level < setup.level)
		return;
	struct err e = { 0 };
	autobuf b = BUF(LINE_MAX_BYTES);
	char when[CLOCK_TEXT];
	clock_text(clock_wall_us(), when);
	int r = buf_printf(&b, &e, "time=%s level=%s role=%s", when, level_names[level],
			   setup.role);
	if (r == 0)
		r = add_pair(&b, "msg", msg, &e);
	va_list ap;
	va_start(ap, msg);
	for (const char *key; r == 0 && (key = va_arg(ap, const char *)) != NULL;) {
		const char *value = va_arg(ap, const char *);
		if (value)
			r = add_pair(&b, key, value, &e);
	}
	va_end(ap);
	if (b.len == 0)
		return;
	if (buf_char(&b, '\n', &e) < 0)
		b.p[b.len - 1] = '\n';
	ssize_t ignored = write(STDERR_FILENO, b.p, b.len);
	(void)ignored;
}
