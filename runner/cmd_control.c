/* courser status, courser cancel: what a running daemon is asked. */
#include "runner/cmd.h"

#include "base/fd.h"
#include "base/str.h"
#include "runner/control.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

enum { TEXT_BYTES = 4 << 20 };

struct listing {
	struct buf out;
	struct err e;
	unsigned count;
	bool json;
};

static int exit_of(const struct err *e)
{
	if (e->code == EACCES || e->code == EPERM)
		return EX_NOPERM;
	return e->code == EPROTO ? EX_PROTOCOL : EX_UNAVAILABLE;
}

static int daemon_of(const struct command_line *l, struct err *e)
{
	autobuf state = BUF(4096);
	return cmd_state(l, &state, e) < 0 ? -1 : control_connect(buf_cstr(&state), e);
}

/* --- status ------------------------------------------------------------------------------------- */

static int json_text(struct buf *out, const char *key, const char *value, struct err *e)
{
	if (buf_printf(out, e, ", \"%s\": ", key) < 0)
		return -1;
	return str_json(out, value, strlen(value), e);
}

static int slot_json(struct buf *out, const struct control_slot *s, struct err *e)
{
	if (buf_printf(out, e, "{\"slot\": %" PRIu32 ", \"job\": %" PRIu64, s->number, s->job) <
		    0 ||
	    json_text(out, "state", s->state, e) < 0 || json_text(out, "phase", s->phase, e) < 0 ||
	    json_text(out, "registration", s->registration, e) < 0 ||
	    json_text(out, "project", s->project, e) < 0)
		return -1;
	return buf_printf(out, e, ", \"seconds\": %" PRIu64 ".%03" PRIu64 "}\n", s->ms / 1000,
			  s->ms % 1000);
}

static const char *or_none(const char *s)
{
	return s[0] ? s : "-";
}

static int slot_row(struct buf *out, const struct control_slot *s, bool first, struct err *e)
{
	char took[32];
	if (first && buf_printf(out, e, "%4s  %10s  %-10s %-10s %10s  %-16s %s\n", "SLOT", "JOB",
				"STATE", "PHASE", "FOR", "REGISTRATION", "PROJECT") < 0)
		return -1;
	str_duration_text(s->ms / 1000 * 1000, took, sizeof took);
	return buf_printf(out, e, "%4" PRIu32 "  %10" PRIu64 "  %-10s %-10s %10s  %-16s %s\n",
			  s->number, s->job, or_none(s->state), or_none(s->phase), took,
			  or_none(s->registration), or_none(s->project));
}

static void add_slot(void *arg, const struct control_slot *s)
{
	struct listing *g = arg;
	if (g->e.code)
		return;
	if (g->json)
		(void)!slot_json(&g->out, s, &g->e);
	else
		(void)!slot_row(&g->out, s, g->count == 0, &g->e);
	g->count++;
}

int cmd_status(const struct command_line *l, struct err *e)
{
	struct listing g = { .out = BUF(TEXT_BYTES), .json = command_has(l, "json") };
	autofd sock = daemon_of(l, e);
	if (sock < 0 || control_status(sock, add_slot, &g, e) < 0) {
		buf_done(&g.out);
		return exit_of(e);
	}
	int status = EX_OK;
	if (g.e.code)
		*e = g.e;
	else if (g.count == 0 && !g.json)
		(void)!buf_str(&g.out, "no job runs\n", e);
	status = e->code ? EX_SOFTWARE : cmd_print(&g.out, e);
	buf_done(&g.out);
	return status;
}

/* --- cancel ------------------------------------------------------------------------------------- */

static int which(const struct command_line *l, uint64_t *ret_job, bool *ret_all, struct err *e)
{
	*ret_all = command_has(l, "all");
	*ret_job = 0;
	if (*ret_all != (l->noperands == 0))
		return err_set(e, EINVAL, "\"cancel\" needs a job's number, or --all");
	if (!*ret_all && !str_u64(l->operands[0], UINT64_MAX, ret_job))
		return err_set(e, EINVAL, "%.80s: not a job's number", l->operands[0]);
	return 0;
}

int cmd_cancel(const struct command_line *l, struct err *e)
{
	autobuf out = BUF(256);
	uint64_t job;
	bool all;
	if (which(l, &job, &all, e) < 0)
		return EX_USAGE;
	autofd sock = daemon_of(l, e);
	if (sock < 0)
		return exit_of(e);
	int n = control_cancel(sock, job, all, command_has(l, "abort"), e);
	if (n < 0)
		return exit_of(e);
	if (n == 0 && !all) {
		err_set(e, ENOENT, "no job %" PRIu64 " runs here", job);
		return EX_UNAVAILABLE;
	}
	if (buf_printf(&out, e, "%d job%s cancelled\n", n, n == 1 ? "" : "s") < 0)
		return EX_SOFTWARE;
	return cmd_print(&out, e);
}
