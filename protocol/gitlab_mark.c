#include "protocol/gitlab_mark.h"

#include <ctype.h>
#include <string.h>

#define ERASE "\033[0K"
#define RESET "\033[0;m"

static const char *const styles[GITLAB_MARKS] = {
	[GITLAB_MARK_PLAIN] = "",
	[GITLAB_MARK_TITLE] = "\033[36;1m",
	[GITLAB_MARK_NOTICE] = "\033[32;1m",
	[GITLAB_MARK_WARNING] = "\033[0;33m",
	[GITLAB_MARK_ERROR] = "\033[31;1m",
};

int gitlab_mark_line(struct buf *out, enum gitlab_mark style, const char *text, struct err *e)
{
	return buf_printf(out, e, ERASE "%s%s%s\n", styles[style], text,
			  style == GITLAB_MARK_PLAIN ? "" : RESET);
}

static int name_put(struct buf *out, const char *name, struct err *e)
{
	for (; *name; name++) {
		char c = isalnum((unsigned char)*name) || strchr("_.-", *name) ? *name : '_';
		if (buf_char(out, c, e) < 0)
			return -1;
	}
	return 0;
}

static int section(struct buf *out, const char *what, const char *name, uint64_t unix_s,
		   struct err *e)
{
	if (buf_printf(out, e, "section_%s:%llu:", what, (unsigned long long)unix_s) < 0)
		return -1;
	return name_put(out, name, e);
}

int gitlab_mark_section(struct buf *out, bool start, const char *name, uint64_t unix_s,
			struct err *e)
{
	if (section(out, start ? "start" : "end", name, unix_s, e) < 0)
		return -1;
	return buf_str(out, "\r" ERASE, e);
}

int gitlab_mark_section_with(struct buf *out, const char *name, uint64_t unix_s,
			     const char *options, struct err *e)
{
	if (section(out, "start", name, unix_s, e) < 0)
		return -1;
	if (*options && buf_printf(out, e, "[%s]", options) < 0)
		return -1;
	return buf_str(out, "\r" ERASE, e);
}
