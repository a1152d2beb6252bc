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
};
enum { FLAGS = sizeof flags / sizeof *flags };

static const char *text_of(bool on)
{
	return on ? "true" : "false";
}

/* The operator's choice for the flag, from lines NAME=value; the default when there is none. */
static bool chosen(const struct flag *f, const char *config)
{
	bool on = f->on;
	for (const char *s = config; *s;) {
		size_t line = strcspn(s, "\n"), name = strcspn(s, "=\n");
		char value[8];
		if (name == strlen(f->name) && strncmp(s, f->name, name) == 0 && s[name] == '=' &&
		    line - name - 1 < sizeof value) {
			memcpy(value, s + name + 1, line - name - 1);
			value[line - name - 1] = '\0';
			if (!str_bool(value, &on))
				on = f->on;
		}
		s += line + (s[line] == '\n');
	}
	return on;
}

int flags_define(struct vars *v, const char *config, struct err *e)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (vars_set(v, flags[i].name, text_of(chosen(&flags[i], config)),
			     VAR_PUBLIC | VAR_RAW, e) < 0)
			return -1;
	return 0;
}

int flags_check(struct vars *v, struct buf *warnings, struct err *e)
{
	for (size_t i = 0; i < FLAGS; i++) {
		bool on;
		const char *text = vars_get(v, flags[i].name);
		if (str_bool(text, &on))
			continue;
		if (buf_printf(warnings, e, "%s: \"%.40s\" is neither true nor false: %s is used\n",
			       flags[i].name, text, text_of(flags[i].on)) < 0 ||
		    vars_set(v, flags[i].name, text_of(flags[i].on), VAR_PUBLIC | VAR_RAW, e) < 0)
			return -1;
	}
	return 0;
}

bool flags_on(const struct vars *v, const char *name)
{
	bool on = false;
	return str_bool(vars_get(v, name), &on) && on;
}
