#include "runner/result.h"

#include "base/fd.h"
#include "base/str.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { RESULT_MAX = 64 << 10 };

static int member(struct buf *out, const char *key, const char *value, struct err *e)
{
	if (buf_printf(out, e, "\"%s\": ", key) < 0 || str_json(out, value, strlen(value), e) < 0)
		return -1;
	return buf_str(out, ", ", e);
}

static int phases(const struct slot_result *r, struct buf *out, struct err *e)
{
	const char *comma = "";
	for (int p = 0; p <= PHASES; p++) {
		const char *name = p == PHASES ? "total" : phase_name((enum phase)p);
		if (!r->timed[p])
			continue;
		if (buf_printf(out, e, "%s\"%s\": %llu.%03u", comma, name,
			       (unsigned long long)(r->ms[p] / 1000),
			       (unsigned)(r->ms[p] % 1000)) < 0)
			return -1;
		comma = ", ";
	}
	return 0;
}

static int used(const struct slot_result *r, struct buf *out, struct err *e)
{
	return buf_printf(out, e,
			  "\"used\": {\"by\": \"%s\", \"memory_bytes\": %llu, \"cpu_seconds\": "
			  "%llu.%03u, \"processes\": %llu}, ",
			  r->used.by, (unsigned long long)r->used.memory,
			  (unsigned long long)(r->used.cpu_us / 1000000),
			  (unsigned)(r->used.cpu_us / 1000 % 1000),
			  (unsigned long long)r->used.processes);
}

static int denied(const struct denials *d, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < d->n; i++)
		if (buf_str(out, i ? ", " : "", e) < 0 ||
		    str_json(out, d->rows[i].call, strlen(d->rows[i].call), e) < 0 ||
		    buf_printf(out, e, ": %u", d->rows[i].times) < 0)
			return -1;
	return 0;
}

int result_text(const struct slot_result *r, struct buf *out, struct err *e)
{
	if (buf_char(out, '{', e) < 0 || member(out, "state", r->state, e) < 0 ||
	    member(out, "failure_reason", r->reason, e) < 0 ||
	    buf_printf(out, e, "\"exit_code\": %d, ", r->exit_code) < 0 ||
	    member(out, "fault", r->fault, e) < 0 || member(out, "verdict", r->text, e) < 0 ||
	    used(r, out, e) < 0 || buf_str(out, "\"denied\": {", e) < 0 ||
	    denied(&r->denied, out, e) < 0 || buf_str(out, "}, \"phases\": {", e) < 0 ||
	    phases(r, out, e) < 0)
		return -1;
	return buf_str(out, "}}\n", e);
}

int result_write(const char *path, const struct slot_result *r, struct err *e)
{
	char parent[PATH_MAX], name[PATH_MAX];
	autobuf b = BUF(RESULT_MAX);
	snprintf(parent, sizeof parent, "%s", path);
	snprintf(name, sizeof name, "%s", path);
	if (result_text(r, &b, e) < 0)
		return -1;
	autofd dir = open(dirname(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, "%s", path);
	return fd_replace_file(dir, basename(name), 0644, &b, e);
}
