#include "executor/flags.h"

#include "base/str.h"

#include <string.h>

struct flag {
	const char *name;
	bool on; /* unless somebody says otherwise */
};

static const struct flag flags[] = {
	{ "FF_TIMESTAMPS", true },
	{ "FF_SCRIPT_SECTIONS", false },
	{ "FF_ENABLE_BASH_EXIT_CODE_CHECK", false },
	{ "FF_SECRET_RESOLVING_FAILS_IF_MISSING", true },
	{ "FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY", true },
	{ "FF_USE_DIRECT_DOWNLOAD", true },
};
enum { FLAGS = sizeof flags / sizeof *flags };

static const char *text_of(bool on)
{
	return on ? "true" : "false";
}

/* The operator's choice for the flag, from lines NAME=value: true when there is one. */
static bool chosen(const struct flag *f, const char *config, bool *ret)
{
	bool found = false;
	for (const char *s = config; *s;) {
		size_t line = strcspn(s, "\n"), name = strcspn(s, "=\n");
		char value[8] = "";
		if (name == strlen(f->name) && strncmp(s, f->name, name) == 0 && name < line &&
		    line - name - 1 < sizeof value) {
			memcpy(value, s + name + 1, line - name - 1);
			found |= str_bool(value, ret);
		}
		s += line + (s[line] == '\n');
	}
	return found;
}

static int set(struct vars *v, const struct flag *f, bool on, struct err *e)
{
	return vars_set(v, f->name, text_of(on), VAR_PUBLIC | VAR_RAW, e);
}

int flags_define(struct vars *v, struct err *e)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (set(v, &flags[i], flags[i].on, e) < 0)
			return -1;
	return 0;
}

static int check(struct vars *v, const struct flag *f, const char *config, struct buf *warnings,
		 struct err *e)
{
	bool on;
	const char *text = vars_get(v, f->name);
	if (chosen(f, config, &on))
		return set(v, f, on, e);
	if (str_bool(text, &on))
		return 0;
	if (buf_printf(warnings, e, "%s: \"%.40s\" is neither true nor false: %s is used\n",
		       f->name, text, text_of(f->on)) < 0)
		return -1;
	return set(v, f, f->on, e);
}

int flags_check(struct vars *v, const char *config, struct buf *warnings, struct err *e)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (check(v, &flags[i], config, warnings, e) < 0)
			return -1;
	return 0;
}

bool flags_on(const struct vars *v, const char *name)
{
	bool on = false;
	return str_bool(vars_get(v, name), &on) && on;
}
