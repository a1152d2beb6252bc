/* courser policy. */
#include "runner/cmd.h"

#include "base/fd.h"
#include "runner/cmd_config.h"
#include "runner/facts.h"
#include "runner/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { TEXT = 1 << 20 };

/* Of a job that is like the payload. */
static int explain_payload(const struct config *c, const struct config_runner *r, const char *path,
			   struct buf *out, struct err *e)
{
	autobuf text = BUF(FACTS_MAX);
	struct profile_facts facts;
	autofd payload = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
						: open(path, O_RDONLY | O_CLOEXEC);
	if (payload < 0)
		return err_sys(e, "%s", path);
	if (facts_of(payload, r->forge, &text, e) < 0)
		return e->code ? -1 : err_set(e, EINVAL, "no job of registration %s", r->name);
	if (facts_read(buf_cstr(&text), &facts, e) < 0)
		return -1;
	return policy_explain(c, r, &facts, out, e);
}

/* All of them, or the one of that name; -1: there is none such. */
static int explain(const struct config *c, const char *name, const char *payload, struct buf *out,
		   struct err *e)
{
	size_t found = 0;
	for (size_t i = 0; i < c->nrunners; i++) {
		const struct config_runner *r = &c->runners[i];
		if (name && strcmp(name, r->name) != 0)
			continue;
		if (buf_printf(out, e, "%sregistration: %s (%s)\n", found++ ? "\n" : "", r->name,
			       r->url) < 0 ||
		    (payload ? explain_payload(c, r, payload, out, e)
			     : policy_explain(c, r, NULL, out, e)) < 0)
			return -1;
	}
	if (found)
		return 0;
	return err_set(e, ENOENT,
		       name ? "there is no registration \"%s\""
			    : "there is no registration; \"courser register\" adds one",
		       name ? name : "");
}

int cmd_policy(const struct command_line *l, struct err *e)
{
	struct arena a = CMD_CONFIG_ARENA;
	autobuf out = BUF(TEXT);
	if (strcmp(l->operands[0], "explain") != 0) {
		err_set(e, EINVAL, "%s: what can be done is: explain", l->operands[0]);
		return EX_USAGE;
	}
	const char *path = cmd_config_path(l, &a, e);
	const struct config *c = path ? cmd_config_load(path, command_value(l, "config") == NULL,
							&a, e)
				      : NULL;
	int status = c && explain(c, command_value(l, "name"), command_value(l, "payload"), &out,
				  e) == 0
			     ? EX_OK
			     : EX_CONFIG;
	if (status == EX_OK)
		status = cmd_print(&out, e);
	arena_done(&a);
	return status;
}
